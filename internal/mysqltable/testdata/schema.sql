CREATE TABLE kv (
  k VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
  v VARCHAR(255) CHARACTER SET utf8mb4,
  n INT,
  KEY (k)
);
INSERT INTO kv (k, v, n) VALUES ('multi', 'a@x.example', 1), ('multi', NULL, 2), ('multi', '', 3), ('multi', 'a@x.example', 4), ('multi', '@y.example', 5), ('multi', 'z', 6);

CREATE TABLE latin (k VARCHAR(100) CHARACTER SET latin1, v VARCHAR(100) CHARACTER SET latin1);
INSERT INTO latin VALUES ('josé@x.example', 'é'), ('user@example.com', 'ÄÖ'), ('it''s@example.com', 'x');

CREATE TABLE bin (k VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, v VARCHAR(100));
INSERT INTO bin VALUES ('josé@x.example', 'with'), ('jose@x.example', 'without'), ('user@example.com', 'u'), ('42', 'n'), ('trailing', 't');

CREATE TABLE raw (k VARBINARY(100), v VARBINARY(100));
INSERT INTO raw VALUES ('user@example.com', X'C3A4'), ('42', X'E4'), ('0', X'610062'), ('null', X'00'), ('it''s@example.com', 'x');

CREATE TABLE words (t TEXT CHARACTER SET utf8mb4, FULLTEXT (t)) ENGINE=MyISAM;
INSERT INTO words VALUES ('user example mail'), ('other words'), ('nothing to see');

CREATE TABLE types (
  k VARCHAR(20) PRIMARY KEY,
  c_tiny TINYINT, c_bool BOOL, c_utiny TINYINT UNSIGNED, c_ztiny TINYINT ZEROFILL,
  c_small SMALLINT, c_medium MEDIUMINT, c_zmedium MEDIUMINT ZEROFILL, c_int INT, c_zint INT(5) ZEROFILL,
  c_big BIGINT, c_ubig BIGINT UNSIGNED, c_zbig BIGINT ZEROFILL,
  c_float FLOAT, c_float74 FLOAT(7,4), c_zfloat FLOAT ZEROFILL, c_double DOUBLE, c_double205 DOUBLE(20,5),
  c_dec DECIMAL(10,3), c_zdec DECIMAL(10,3) ZEROFILL,
  c_date DATE, c_time TIME, c_time3 TIME(3), c_dt DATETIME, c_dt6 DATETIME(6), c_ts TIMESTAMP NULL, c_ts3 TIMESTAMP(3) NULL, c_year YEAR,
  c_bit1 BIT(1), c_bit12 BIT(12), c_bit17 BIT(17),
  c_char CHAR(10), c_vlatin VARCHAR(20) CHARACTER SET latin1, c_vutf VARCHAR(20) CHARACTER SET utf8mb4, c_ucs VARCHAR(20) CHARACTER SET ucs2,
  c_text TEXT, c_long LONGTEXT, c_blob BLOB, c_binary BINARY(4), c_varbin VARBINARY(10),
  c_enum ENUM('one','two,three','vier'), c_set SET('a','b','c'), c_json JSON, c_inet6 INET6, c_uuid UUID, c_point POINT
);
SET sql_mode = '';
INSERT INTO types VALUES ('a',
  -7, TRUE, 200, 7, -300, -70000, 42, 2147483647, 42, -9223372036854775808, 18446744073709551615, 42,
  1.1, 3.14159, 2.5, 1e20, 12345.678901, 12.5, 12.5,
  '2024-02-29', '-12:34:56', '12:34:56.789', '2024-02-29 12:34:56', '2024-02-29 12:34:56.000001', '2024-02-29 12:34:56', '2024-02-29 12:34:56.500', 2024,
  b'1', b'000001100001', b'10110000101100010', 'abc', 'é', 'ü😀', 'ünï', 'text', 'long', 'blob', 'bin', 'vbin',
  'two,three', 'a,c', '{"a": [1, 2.50]}', '2001:db8::1', '123e4567-e89b-12d3-a456-426655440000', POINT(1,2));
INSERT INTO types VALUES ('zero',
  0, FALSE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0,
  '0000-00-00', '00:00:00', 0, '0000-00-00 00:00:00', 0, NULL, NULL, '0000',
  b'0', b'000000110001', b'0', '', '', '', '', '', '', '', '', '',
  'one', '', '0', '::', '00000000-0000-0000-0000-000000000000', NULL);
INSERT INTO types VALUES ('b',
  127, 5, 255, 255, 32767, 8388607, 16777215, -2147483648, 1234567, 9223372036854775807, 9223372036854775808, 18446744073709551615,
  3.4e38, -999.99, 0.5, 1.7976931348623157e308, -0.00001, -1234567.891, 1234567.891,
  '9999-12-31', '838:59:59', '-838:59:59', '1000-01-01 00:00:00', '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07', '1970-01-01 00:00:01.001', 1901,
  b'1', b'111111111111', b'11111111111111111', 'tr  ', 'ÄÖÜ', 'x,y', 'z', 'a\nb', 'c\td', X'C3A9', X'FF00FF00', X'616200',
  'vier', 'b', '"x"', '::ffff:192.0.2.1', 'ffffffff-ffff-ffff-ffff-ffffffffffff', NULL);
INSERT INTO types VALUES ('c',
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
  0.000001, 1e6, 1e10, 0.1, 1e14, 0.001, 0.001,
  NULL, '00:00:00.9', '00:00:00.001', '2024-01-01', '2024-01-01', '2024-01-01', NULL, 1,
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO types (k, c_float, c_double) VALUES ('d', 16777217, 1e15), ('e', 1e-5, 123456789012345678), ('f', 1234567, 0.1e-6), ('g', -0e0, 2.2250738585072014e-308);

SET sql_mode = DEFAULT;

CREATE VIEW kv_view AS SELECT k, v, n, CAST(n AS DOUBLE) / 3 AS third FROM kv;

CREATE PROCEDURE one_set(IN x VARCHAR(255)) SELECT v FROM kv WHERE k = x;
CREATE PROCEDURE zerofill_set(IN x VARCHAR(255)) SELECT c_zint, c_float FROM types WHERE k = x;
CREATE PROCEDURE no_set(IN x VARCHAR(255)) SET @x = x;
DELIMITER //
CREATE PROCEDURE two_sets(IN x VARCHAR(255)) BEGIN SELECT 1; SELECT 2; END//
CREATE PROCEDURE two_sets_empty(IN x VARCHAR(255)) BEGIN SELECT 1; SELECT 2 FROM dual WHERE FALSE; END//
CREATE PROCEDURE set_after_work(IN x VARCHAR(255)) BEGIN SET @x = x; SELECT @x; SET @x = ''; END//
CREATE PROCEDURE fails_late(IN x VARCHAR(255)) BEGIN SELECT 1; SIGNAL SQLSTATE '45000'; END//
CREATE FUNCTION twice(x VARCHAR(255) CHARSET utf8mb4) RETURNS VARCHAR(512) CHARSET utf8mb4 DETERMINISTIC RETURN CONCAT(x, x)//
DELIMITER ;
