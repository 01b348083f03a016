-- The change feed: which keys of the five loaded tables changed, in the order
-- of their sequence numbers. Load it after the tables, with the mariadb client
-- (DELIMITER is the client's), as a user that stays: the triggers run as it.
--
-- The feed keeps itself short: each change removes the one that is 997,920
-- numbers older. No two writers ever remove the same row, so none waits for
-- another, and nobody needs the event scheduler, a cron job or a right to delete.
-- (The number is a multiple of 1 to 12: in a cluster, where numbers go up in steps
-- of auto_increment_increment, the older change exists too.)
CREATE TABLE IF NOT EXISTS postern_change (
  seq bigint unsigned NOT NULL AUTO_INCREMENT,
  at  timestamp(6)    NOT NULL DEFAULT current_timestamp(6),
  tbl varchar(32)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  k   varchar(320)    NOT NULL,
  PRIMARY KEY (seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

DELIMITER //

CREATE OR REPLACE PROCEDURE postern_change_note(IN changed_table varchar(32), IN changed_key varchar(320))
MODIFIES SQL DATA
BEGIN
  INSERT INTO postern_change (tbl, k) VALUES (changed_table, changed_key);
  IF LAST_INSERT_ID() > 997920 THEN
    DELETE FROM postern_change WHERE seq = LAST_INSERT_ID() - 997920;
  END IF;
END//

CREATE OR REPLACE TRIGGER postern_domain_insert AFTER INSERT ON domain FOR EACH ROW
  CALL postern_change_note('domain', NEW.name)//

CREATE OR REPLACE TRIGGER postern_domain_update AFTER UPDATE ON domain FOR EACH ROW
BEGIN
  IF NOT (OLD.name <=> BINARY NEW.name
     AND OLD.active <=> BINARY NEW.active) THEN
    CALL postern_change_note('domain', NEW.name);
    IF NOT (OLD.name <=> BINARY NEW.name) THEN
      CALL postern_change_note('domain', OLD.name);
    END IF;
  END IF;
END//

CREATE OR REPLACE TRIGGER postern_domain_delete AFTER DELETE ON domain FOR EACH ROW
  CALL postern_change_note('domain', OLD.name)//

CREATE OR REPLACE TRIGGER postern_alias_insert AFTER INSERT ON alias FOR EACH ROW
  CALL postern_change_note('alias', NEW.address)//

CREATE OR REPLACE TRIGGER postern_alias_update AFTER UPDATE ON alias FOR EACH ROW
BEGIN
  IF NOT (OLD.address <=> BINARY NEW.address
     AND OLD.`goto` <=> BINARY NEW.`goto`
     AND OLD.active <=> BINARY NEW.active) THEN
    CALL postern_change_note('alias', NEW.address);
    IF NOT (OLD.address <=> BINARY NEW.address) THEN
      CALL postern_change_note('alias', OLD.address);
    END IF;
  END IF;
END//

CREATE OR REPLACE TRIGGER postern_alias_delete AFTER DELETE ON alias FOR EACH ROW
  CALL postern_change_note('alias', OLD.address)//

CREATE OR REPLACE TRIGGER postern_alias_handle_insert AFTER INSERT ON alias_handle FOR EACH ROW
  CALL postern_change_note('alias_handle', NEW.handle)//

CREATE OR REPLACE TRIGGER postern_alias_handle_update AFTER UPDATE ON alias_handle FOR EACH ROW
BEGIN
  IF NOT (OLD.handle <=> BINARY NEW.handle
     AND OLD.address <=> BINARY NEW.address
     AND OLD.active <=> BINARY NEW.active) THEN
    CALL postern_change_note('alias_handle', NEW.handle);
    IF NOT (OLD.handle <=> BINARY NEW.handle) THEN
      CALL postern_change_note('alias_handle', OLD.handle);
    END IF;
  END IF;
END//

CREATE OR REPLACE TRIGGER postern_alias_handle_delete AFTER DELETE ON alias_handle FOR EACH ROW
  CALL postern_change_note('alias_handle', OLD.handle)//

CREATE OR REPLACE TRIGGER postern_smtp_sender_acl_insert AFTER INSERT ON smtp_sender_acl FOR EACH ROW
  CALL postern_change_note('smtp_sender_acl', NEW.sender)//

CREATE OR REPLACE TRIGGER postern_smtp_sender_acl_update AFTER UPDATE ON smtp_sender_acl FOR EACH ROW
BEGIN
  IF NOT (OLD.sender <=> BINARY NEW.sender
     AND OLD.login <=> BINARY NEW.login
     AND OLD.active <=> BINARY NEW.active) THEN
    CALL postern_change_note('smtp_sender_acl', NEW.sender);
    IF NOT (OLD.sender <=> BINARY NEW.sender) THEN
      CALL postern_change_note('smtp_sender_acl', OLD.sender);
    END IF;
  END IF;
END//

CREATE OR REPLACE TRIGGER postern_smtp_sender_acl_delete AFTER DELETE ON smtp_sender_acl FOR EACH ROW
  CALL postern_change_note('smtp_sender_acl', OLD.sender)//

CREATE OR REPLACE TRIGGER postern_api_bans_insert AFTER INSERT ON api_bans FOR EACH ROW
  CALL postern_change_note('api_bans', concat(NEW.ban_type, ':', NEW.ban_value))//

CREATE OR REPLACE TRIGGER postern_api_bans_update AFTER UPDATE ON api_bans FOR EACH ROW
BEGIN
  IF NOT (OLD.ban_type <=> BINARY NEW.ban_type
     AND OLD.ban_value <=> BINARY NEW.ban_value
     AND OLD.reason <=> BINARY NEW.reason
     AND OLD.expires_at <=> BINARY NEW.expires_at
     AND OLD.revoked_at <=> BINARY NEW.revoked_at) THEN
    CALL postern_change_note('api_bans', concat(NEW.ban_type, ':', NEW.ban_value));
    IF NOT (OLD.ban_type <=> BINARY NEW.ban_type AND OLD.ban_value <=> BINARY NEW.ban_value) THEN
      CALL postern_change_note('api_bans', concat(OLD.ban_type, ':', OLD.ban_value));
    END IF;
  END IF;
END//

CREATE OR REPLACE TRIGGER postern_api_bans_delete AFTER DELETE ON api_bans FOR EACH ROW
  CALL postern_change_note('api_bans', concat(OLD.ban_type, ':', OLD.ban_value))//

DELIMITER ;
