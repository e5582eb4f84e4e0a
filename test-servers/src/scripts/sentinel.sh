# Becomes a Sentinel in this folder: its programs, its port, the port of the primary. Alone it decides; half a second without an answer is a
# failure.
programs=$1
port=$2
primary=$3

if ! [ -f sentinel.conf ]; then
  cat >sentinel.conf <<END
bind 127.0.0.1
port $port
dir $PWD
sentinel monitor main 127.0.0.1 $primary 1
sentinel down-after-milliseconds main 500
sentinel failover-timeout main 3000
END
fi
exec "$programs/redis-server" sentinel.conf --sentinel
