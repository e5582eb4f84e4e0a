# Becomes a PgBouncer in this folder: the folder of the programs, its port, host and port of the Postgres. It gives a connection for
# one transaction at a time, keeps prepared statements where its version can, and drops the settings of a session that it cannot keep.
programs=$1
port=$2

cat >pgbouncer.ini <<END
[databases]
* = host=$3 port=$4
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = any
pool_mode = transaction
max_client_conn = 500
default_pool_size = 20
ignore_startup_parameters = extra_float_digits,options
END
# With "any", all come as one user.
sed -i "s/^\* = .*/& user=postgres/" pgbouncer.ini
exec "$programs/pgbouncer" pgbouncer.ini
