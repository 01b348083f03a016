DROP TABLE smtp_sender_acl
