# Runs the server and outlives the program that asked for it by just long enough to clean up.
#
#   sh -c "$script" authz-throwaway DIRECTORY POSTGRES ARGUMENTS...
#
# Standard input is a pipe that the program holds open and never writes to. However the program ends, the pipe
# closes: then the server is stopped at once (SIGQUIT is PostgreSQL's immediate shutdown) and DIRECTORY is removed.
directory=$1
shift
exec 3<&0
"$@" </dev/null >"$directory/log" 2>&1 3<&- &
server=$!
(read -r _; kill -QUIT $server) <&3 2>/dev/null &
watch=$!
wait $server
kill $watch 2>/dev/null
: >"$directory/ended"
read -r _ <&3
rm -rf -- "$directory"
