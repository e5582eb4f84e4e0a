# Becomes a Sentinel in this folder: the folder of the programs, its port, host and port of the Redis that it watches. It is alone, so that
# its own word is enough.
programs=$1
port=$2

cat >sentinel.conf <<END
bind 127.0.0.1
port $port
dir $PWD
sentinel monitor main $3 $4 1
sentinel down-after-milliseconds main 1000
sentinel failover-timeout main 5000
END
exec "$programs/redis-server" "$PWD/sentinel.conf" --sentinel
