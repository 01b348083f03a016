INSERT INTO domain (name, active) VALUES ('münchen.example', 1), ('köln.example', 1), ('xn--kln-sna.example', 1)
