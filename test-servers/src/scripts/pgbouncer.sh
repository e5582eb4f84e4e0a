# Becomes a pgbouncer in this folder, in transaction mode: its programs, its port, host and port of the Postgres behind it, and
# the startup parameters that it takes and ignores. It lets everybody in whom that Postgres lets in.
programs=$1
port=$2
host=$3
server_port=$4
ignored=$5

cat >pgbouncer.ini <<END
[databases]
* = host=$host port=$server_port
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = trust
auth_file = $PWD/users
pool_mode = transaction
default_pool_size = 10
max_client_conn = 2000
server_login_retry = 1
ignore_startup_parameters = $ignored
END
# From 1.24 on it keeps the prepared statements of sessions apart by default, so that clients would never notice it. It knows the setting from 1.21 on.
minor=$("$programs/pgbouncer" --version | sed -n 's/^PgBouncer 1\.\([0-9]*\).*/\1/p')
if [ "$ignored" ] && [ "${minor:-0}" -ge 21 ]; then
  echo 'max_prepared_statements = 0' >>pgbouncer.ini
fi
echo '"postgres" ""' >users
exec "$programs/pgbouncer" pgbouncer.ini
