# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_untrap_global_optspecs
    string join \n f/procfile= e/env-file= secret= cwd= port= stdin= user= shell= before= wait-for= wait-timeout= ready= t/timeout= s/stop-signal= on-exit= stop-order= stop-command= stop-delay= after= r/rewrite= signal-to= exit-map= output= timestamps log-format= q/quiet v/verbose pid-dir= generate= h/help V/version
end

function __fish_untrap_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_untrap_global_optspecs) -- $cmd 2>/dev/null
    or return 0
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_untrap_using_subcommand
    set -l cmd (__fish_untrap_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c untrap -n "__fish_untrap_needs_command" -s f -l procfile -d 'Run the process types of FILE; \'-\' reads standard input [default: ./Procfile]' -r -F
complete -c untrap -n "__fish_untrap_needs_command" -s e -l env-file -d 'Set the variables of FILE unless they are set already; \'?\': if it exists' -r -F
complete -c untrap -n "__fish_untrap_needs_command" -l secret -d 'Set VARIABLE to the content of FILE, or of the file that VARIABLE_FILE names' -r
complete -c untrap -n "__fish_untrap_needs_command" -l cwd -d 'Working directory of services [default: where untrap runs]' -r -f -a "(__fish_complete_directories)"
complete -c untrap -n "__fish_untrap_needs_command" -l port -d 'Set PORT to N, plus 100 per process type and 1 per instance' -r
complete -c untrap -n "__fish_untrap_needs_command" -l stdin -d 'Service that has standard input; the others read /dev/null [default: the only one]' -r
complete -c untrap -n "__fish_untrap_needs_command" -l user -d 'Run services as USER' -r
complete -c untrap -n "__fish_untrap_needs_command" -l shell -d 'Shell for commands that need one; \'none\' refuses them [default: /bin/sh]' -r -F
complete -c untrap -n "__fish_untrap_needs_command" -l before -d 'Run a command, or a process type of the Procfile, before the first service starts' -r
complete -c untrap -n "__fish_untrap_needs_command" -l wait-for -d 'Wait first for tcp://HOST:PORT, unix://PATH, file://PATH or exec:COMMAND' -r
complete -c untrap -n "__fish_untrap_needs_command" -l wait-timeout -d 'Time limit of --wait-for and --ready [default: 60s]' -r
complete -c untrap -n "__fish_untrap_needs_command" -l ready -d 'Start the next service once TARGET is ready' -r
complete -c untrap -n "__fish_untrap_needs_command" -s t -l timeout -d 'Time from the shutdown\'s start to SIGKILL; 0s: at once, inf: never [default: 8s]' -r
complete -c untrap -n "__fish_untrap_needs_command" -s s -l stop-signal -d 'Signal that stops a service [default: the received signal, or TERM]' -r -f -a "TERM\t''
HUP\t''
INT\t''
QUIT\t''
USR1\t''
USR2\t''
WINCH\t''
CONT\t''
STOP\t''
TSTP\t''
ALRM\t''
ABRT\t''
KILL\t''"
complete -c untrap -n "__fish_untrap_needs_command" -l on-exit -d 'stop, stop-on-failure, ignore, restart or restart-on-failure [default: stop]' -r -f -a "stop\t''
stop-on-failure\t''
ignore\t''
restart\t''
restart-on-failure\t''"
complete -c untrap -n "__fish_untrap_needs_command" -l stop-order -d 'Stop services at-once, or one by one: reverse or listed [default: at-once]' -r -f -a "at-once\t''
reverse\t''
listed\t''"
complete -c untrap -n "__fish_untrap_needs_command" -l stop-command -d 'Run instead of sending the stop signal, with UNTRAP_PID and UNTRAP_NAME set' -r
complete -c untrap -n "__fish_untrap_needs_command" -l stop-delay -d 'Delay before sending stop signals [default: 0s]' -r
complete -c untrap -n "__fish_untrap_needs_command" -l after -d 'Run after the last service exits, with UNTRAP_EXIT_CODE and UNTRAP_SIGNAL set' -r
complete -c untrap -n "__fish_untrap_needs_command" -s r -l rewrite -d 'Handle signal FROM as signal TO; \'none\' drops it' -r
complete -c untrap -n "__fish_untrap_needs_command" -l signal-to -d 'Signal leader, group, or auto: the group if the leader is a shell [default: auto]' -r -f -a "auto\t''
leader\t''
group\t''"
complete -c untrap -n "__fish_untrap_needs_command" -l exit-map -d 'Exit with status TO instead of FROM, for example 143=0' -r
complete -c untrap -n "__fish_untrap_needs_command" -l output -d 'raw, prefix (name before each line) or json (one object per line) [default: raw]' -r -f -a "raw\t''
prefix\t''
json\t''"
complete -c untrap -n "__fish_untrap_needs_command" -l log-format -d 'Format of untrap\'s own messages [default: text]' -r -f -a "text\t''
json\t''"
complete -c untrap -n "__fish_untrap_needs_command" -l pid-dir -d 'Directory of a file NAME.pid for each service, for \'untrap ps\' and \'untrap signal\'' -r -f -a "(__fish_complete_directories)"
complete -c untrap -n "__fish_untrap_needs_command" -l generate -d 'Print the man page or a completion script' -r -f -a "man\t''
bash\t''
zsh\t''
fish\t''"
complete -c untrap -n "__fish_untrap_needs_command" -l timestamps -d 'Write the time before each line; needs --output prefix'
complete -c untrap -n "__fish_untrap_needs_command" -s q -l quiet -d 'Print only errors and warnings'
complete -c untrap -n "__fish_untrap_needs_command" -s v -l verbose -d 'Also print messages about orphans and other details'
complete -c untrap -n "__fish_untrap_needs_command" -s h -l help -d 'Print the most used options (-h) or all options (--help)'
complete -c untrap -n "__fish_untrap_needs_command" -s V -l version -d 'Print the version'
complete -c untrap -n "__fish_untrap_needs_command" -f -a "check" -d 'Prints what would run, and runs nothing'
complete -c untrap -n "__fish_untrap_needs_command" -f -a "ps" -d 'Shows the services of a running untrap, each with its whole process group'
complete -c untrap -n "__fish_untrap_needs_command" -f -a "signal" -d 'Sends a signal to services of a running untrap, each with its whole process group'
complete -c untrap -n "__fish_untrap_using_subcommand check" -s f -l procfile -d 'Run the process types of FILE; \'-\' reads standard input [default: ./Procfile]' -r -F
complete -c untrap -n "__fish_untrap_using_subcommand check" -s e -l env-file -d 'Set the variables of FILE unless they are set already; \'?\': if it exists' -r -F
complete -c untrap -n "__fish_untrap_using_subcommand check" -l secret -d 'Set VARIABLE to the content of FILE, or of the file that VARIABLE_FILE names' -r
complete -c untrap -n "__fish_untrap_using_subcommand check" -l cwd -d 'Working directory of services [default: where untrap runs]' -r -f -a "(__fish_complete_directories)"
complete -c untrap -n "__fish_untrap_using_subcommand check" -l port -d 'Set PORT to N, plus 100 per process type and 1 per instance' -r
complete -c untrap -n "__fish_untrap_using_subcommand check" -l stdin -d 'Service that has standard input; the others read /dev/null [default: the only one]' -r
complete -c untrap -n "__fish_untrap_using_subcommand check" -l user -d 'Run services as USER' -r
complete -c untrap -n "__fish_untrap_using_subcommand check" -l shell -d 'Shell for commands that need one; \'none\' refuses them [default: /bin/sh]' -r -F
complete -c untrap -n "__fish_untrap_using_subcommand check" -l before -d 'Run a command, or a process type of the Procfile, before the first service starts' -r
complete -c untrap -n "__fish_untrap_using_subcommand check" -l wait-for -d 'Wait first for tcp://HOST:PORT, unix://PATH, file://PATH or exec:COMMAND' -r
complete -c untrap -n "__fish_untrap_using_subcommand check" -l wait-timeout -d 'Time limit of --wait-for and --ready [default: 60s]' -r
complete -c untrap -n "__fish_untrap_using_subcommand check" -l ready -d 'Start the next service once TARGET is ready' -r
complete -c untrap -n "__fish_untrap_using_subcommand check" -s t -l timeout -d 'Time from the shutdown\'s start to SIGKILL; 0s: at once, inf: never [default: 8s]' -r
complete -c untrap -n "__fish_untrap_using_subcommand check" -s s -l stop-signal -d 'Signal that stops a service [default: the received signal, or TERM]' -r -f -a "TERM\t''
HUP\t''
INT\t''
QUIT\t''
USR1\t''
USR2\t''
WINCH\t''
CONT\t''
STOP\t''
TSTP\t''
ALRM\t''
ABRT\t''
KILL\t''"
complete -c untrap -n "__fish_untrap_using_subcommand check" -l on-exit -d 'stop, stop-on-failure, ignore, restart or restart-on-failure [default: stop]' -r -f -a "stop\t''
stop-on-failure\t''
ignore\t''
restart\t''
restart-on-failure\t''"
complete -c untrap -n "__fish_untrap_using_subcommand check" -l stop-order -d 'Stop services at-once, or one by one: reverse or listed [default: at-once]' -r -f -a "at-once\t''
reverse\t''
listed\t''"
complete -c untrap -n "__fish_untrap_using_subcommand check" -l stop-command -d 'Run instead of sending the stop signal, with UNTRAP_PID and UNTRAP_NAME set' -r
complete -c untrap -n "__fish_untrap_using_subcommand check" -l stop-delay -d 'Delay before sending stop signals [default: 0s]' -r
complete -c untrap -n "__fish_untrap_using_subcommand check" -l after -d 'Run after the last service exits, with UNTRAP_EXIT_CODE and UNTRAP_SIGNAL set' -r
complete -c untrap -n "__fish_untrap_using_subcommand check" -s r -l rewrite -d 'Handle signal FROM as signal TO; \'none\' drops it' -r
complete -c untrap -n "__fish_untrap_using_subcommand check" -l signal-to -d 'Signal leader, group, or auto: the group if the leader is a shell [default: auto]' -r -f -a "auto\t''
leader\t''
group\t''"
complete -c untrap -n "__fish_untrap_using_subcommand check" -l exit-map -d 'Exit with status TO instead of FROM, for example 143=0' -r
complete -c untrap -n "__fish_untrap_using_subcommand check" -l output -d 'raw, prefix (name before each line) or json (one object per line) [default: raw]' -r -f -a "raw\t''
prefix\t''
json\t''"
complete -c untrap -n "__fish_untrap_using_subcommand check" -l log-format -d 'Format of untrap\'s own messages [default: text]' -r -f -a "text\t''
json\t''"
complete -c untrap -n "__fish_untrap_using_subcommand check" -l pid-dir -d 'Directory of a file NAME.pid for each service, for \'untrap ps\' and \'untrap signal\'' -r -f -a "(__fish_complete_directories)"
complete -c untrap -n "__fish_untrap_using_subcommand check" -l no-resolve -d 'Accept programs that do not exist yet, for example while an image is built'
complete -c untrap -n "__fish_untrap_using_subcommand check" -l timestamps -d 'Write the time before each line; needs --output prefix'
complete -c untrap -n "__fish_untrap_using_subcommand check" -s q -l quiet -d 'Print only errors and warnings'
complete -c untrap -n "__fish_untrap_using_subcommand check" -s v -l verbose -d 'Also print messages about orphans and other details'
complete -c untrap -n "__fish_untrap_using_subcommand check" -s h -l help -d 'Print the most used options (-h) or all options (--help)'
complete -c untrap -n "__fish_untrap_using_subcommand check" -s V -l version -d 'Print the version'
complete -c untrap -n "__fish_untrap_using_subcommand ps" -l pid-dir -d 'Directory of a file NAME.pid for each service, for \'untrap ps\' and \'untrap signal\'' -r -f -a "(__fish_complete_directories)"
complete -c untrap -n "__fish_untrap_using_subcommand ps" -l json -d 'Print a JSON array, one object for each service'
complete -c untrap -n "__fish_untrap_using_subcommand signal" -l pid-dir -d 'Directory of a file NAME.pid for each service, for \'untrap ps\' and \'untrap signal\'' -r -f -a "(__fish_complete_directories)"
