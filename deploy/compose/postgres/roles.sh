# Run once, by the image, when the database is made: the projector's role, which owns it, and the gateways', which only reads.
psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\set projector `cat /run/secrets/postgres-projector-password`
\set gateway `cat /run/secrets/postgres-gateway-password`
CREATE ROLE onedoor LOGIN PASSWORD :'projector';
CREATE ROLE onedoor_reader LOGIN PASSWORD :'gateway';
ALTER DATABASE onedoor OWNER TO onedoor;
REVOKE ALL ON DATABASE onedoor FROM PUBLIC;
GRANT CONNECT ON DATABASE onedoor TO onedoor_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE onedoor GRANT USAGE ON SCHEMAS TO onedoor_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE onedoor GRANT SELECT ON TABLES TO onedoor_reader;
SQL
