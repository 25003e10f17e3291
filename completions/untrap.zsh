#compdef untrap

autoload -U is-at-least

_untrap() {
    typeset -A opt_args
    typeset -a _arguments_options
    local ret=1

    if is-at-least 5.2; then
        _arguments_options=(-s -S -C)
    else
        _arguments_options=(-s -C)
    fi

    local context curcontext="$curcontext" state line
    _arguments "${_arguments_options[@]}" : \
'-f+[Run the process types of FILE; '\''-'\'' reads standard input \[default\: ./Procfile\]]:FILE:_files' \
'--procfile=[Run the process types of FILE; '\''-'\'' reads standard input \[default\: ./Procfile\]]:FILE:_files' \
'*-e+[Set the variables of FILE unless they are set already; '\''?'\''\: if it exists]:[NAME=][?]FILE:_files' \
'*--env-file=[Set the variables of FILE unless they are set already; '\''?'\''\: if it exists]:[NAME=][?]FILE:_files' \
'*--secret=[Set VARIABLE to the content of FILE, or of the file that VARIABLE_FILE names]:VARIABLE[=FILE]:_default' \
'*--cwd=[Working directory of services \[default\: where untrap runs\]]:[NAME=]DIR:_files -/' \
'--port=[Set PORT to N, plus 100 per process type and 1 per instance]:N:_default' \
'--stdin=[Service that has standard input; the others read /dev/null \[default\: the only one\]]:NAME|none:_default' \
'*--user=[Run services as USER]:[NAME=]USER[:GROUP]:_default' \
'--shell=[Shell for commands that need one; '\''none'\'' refuses them \[default\: /bin/sh\]]:PATH|none:_files' \
'*--before=[Run a command, or a process type of the Procfile, before the first service starts]:COMMAND:_default' \
'*--wait-for=[Wait first for tcp\://HOST\:PORT, unix\://PATH, file\://PATH or exec\:COMMAND]:TARGET:_default' \
'--wait-timeout=[Time limit of --wait-for and --ready \[default\: 60s\]]:DURATION:_default' \
'*--ready=[Start the next service once TARGET is ready]:[NAME=]TARGET:_default' \
'*-t+[Time from the shutdown'\''s start to SIGKILL; 0s\: at once, inf\: never \[default\: 8s\]]:[NAME=]DURATION:_default' \
'*--timeout=[Time from the shutdown'\''s start to SIGKILL; 0s\: at once, inf\: never \[default\: 8s\]]:[NAME=]DURATION:_default' \
'*-s+[Signal that stops a service \[default\: the received signal, or TERM\]]:[NAME=]SIGNAL:(TERM HUP INT QUIT USR1 USR2 WINCH CONT STOP TSTP ALRM ABRT KILL)' \
'*--stop-signal=[Signal that stops a service \[default\: the received signal, or TERM\]]:[NAME=]SIGNAL:(TERM HUP INT QUIT USR1 USR2 WINCH CONT STOP TSTP ALRM ABRT KILL)' \
'*--on-exit=[stop, stop-on-failure, ignore, restart or restart-on-failure \[default\: stop\]]:[NAME=]ACTION:(stop stop-on-failure ignore restart restart-on-failure)' \
'--stop-order=[Stop services at-once, or one by one\: reverse or listed \[default\: at-once\]]:ORDER:(at-once reverse listed)' \
'*--stop-command=[Run instead of sending the stop signal, with UNTRAP_PID and UNTRAP_NAME set]:[NAME=]COMMAND:_default' \
'*--stop-delay=[Delay before sending stop signals \[default\: 0s\]]:[NAME=]DURATION:_default' \
'*--after=[Run after the last service exits, with UNTRAP_EXIT_CODE and UNTRAP_SIGNAL set]:COMMAND:_default' \
'*-r+[Handle signal FROM as signal TO; '\''none'\'' drops it]:[NAME=]FROM=TO:_default' \
'*--rewrite=[Handle signal FROM as signal TO; '\''none'\'' drops it]:[NAME=]FROM=TO:_default' \
'*--signal-to=[Signal leader, group, or auto\: the group if the leader is a shell \[default\: auto\]]:[NAME=]MODE:(auto leader group)' \
'*--exit-map=[Exit with status TO instead of FROM, for example 143=0]:[NAME=]FROM=TO:_default' \
'--output=[raw, prefix (name before each line) or json (one object per line) \[default\: raw\]]:FORMAT:(raw prefix json)' \
'--log-format=[Format of untrap'\''s own messages \[default\: text\]]:text|json:(text json)' \
'--pid-dir=[Directory of a file NAME.pid for each service, for '\''untrap ps'\'' and '\''untrap signal'\'']:DIR:_files -/' \
'--generate=[Print the man page or a completion script]:man|bash|zsh|fish:(man bash zsh fish)' \
'--timestamps[Write the time before each line; needs --output prefix]' \
'-q[Print only errors and warnings]' \
'--quiet[Print only errors and warnings]' \
'-v[Also print messages about orphans and other details]' \
'--verbose[Also print messages about orphans and other details]' \
'-h[Print the most used options (-h) or all options (--help)]' \
'--help[Print the most used options (-h) or all options (--help)]' \
'-V[Print the version]' \
'--version[Print the version]' \
":: :_untrap_commands" \
"*::: :->untrap" \
&& ret=0
    case $state in
    (untrap)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:untrap-command-$line[1]:"
        case $line[1] in
            (check)
_arguments "${_arguments_options[@]}" : \
'-f+[Run the process types of FILE; '\''-'\'' reads standard input \[default\: ./Procfile\]]:FILE:_files' \
'--procfile=[Run the process types of FILE; '\''-'\'' reads standard input \[default\: ./Procfile\]]:FILE:_files' \
'*-e+[Set the variables of FILE unless they are set already; '\''?'\''\: if it exists]:[NAME=][?]FILE:_files' \
'*--env-file=[Set the variables of FILE unless they are set already; '\''?'\''\: if it exists]:[NAME=][?]FILE:_files' \
'*--secret=[Set VARIABLE to the content of FILE, or of the file that VARIABLE_FILE names]:VARIABLE[=FILE]:_default' \
'*--cwd=[Working directory of services \[default\: where untrap runs\]]:[NAME=]DIR:_files -/' \
'--port=[Set PORT to N, plus 100 per process type and 1 per instance]:N:_default' \
'--stdin=[Service that has standard input; the others read /dev/null \[default\: the only one\]]:NAME|none:_default' \
'*--user=[Run services as USER]:[NAME=]USER[:GROUP]:_default' \
'--shell=[Shell for commands that need one; '\''none'\'' refuses them \[default\: /bin/sh\]]:PATH|none:_files' \
'*--before=[Run a command, or a process type of the Procfile, before the first service starts]:COMMAND:_default' \
'*--wait-for=[Wait first for tcp\://HOST\:PORT, unix\://PATH, file\://PATH or exec\:COMMAND]:TARGET:_default' \
'--wait-timeout=[Time limit of --wait-for and --ready \[default\: 60s\]]:DURATION:_default' \
'*--ready=[Start the next service once TARGET is ready]:[NAME=]TARGET:_default' \
'*-t+[Time from the shutdown'\''s start to SIGKILL; 0s\: at once, inf\: never \[default\: 8s\]]:[NAME=]DURATION:_default' \
'*--timeout=[Time from the shutdown'\''s start to SIGKILL; 0s\: at once, inf\: never \[default\: 8s\]]:[NAME=]DURATION:_default' \
'*-s+[Signal that stops a service \[default\: the received signal, or TERM\]]:[NAME=]SIGNAL:(TERM HUP INT QUIT USR1 USR2 WINCH CONT STOP TSTP ALRM ABRT KILL)' \
'*--stop-signal=[Signal that stops a service \[default\: the received signal, or TERM\]]:[NAME=]SIGNAL:(TERM HUP INT QUIT USR1 USR2 WINCH CONT STOP TSTP ALRM ABRT KILL)' \
'*--on-exit=[stop, stop-on-failure, ignore, restart or restart-on-failure \[default\: stop\]]:[NAME=]ACTION:(stop stop-on-failure ignore restart restart-on-failure)' \
'--stop-order=[Stop services at-once, or one by one\: reverse or listed \[default\: at-once\]]:ORDER:(at-once reverse listed)' \
'*--stop-command=[Run instead of sending the stop signal, with UNTRAP_PID and UNTRAP_NAME set]:[NAME=]COMMAND:_default' \
'*--stop-delay=[Delay before sending stop signals \[default\: 0s\]]:[NAME=]DURATION:_default' \
'*--after=[Run after the last service exits, with UNTRAP_EXIT_CODE and UNTRAP_SIGNAL set]:COMMAND:_default' \
'*-r+[Handle signal FROM as signal TO; '\''none'\'' drops it]:[NAME=]FROM=TO:_default' \
'*--rewrite=[Handle signal FROM as signal TO; '\''none'\'' drops it]:[NAME=]FROM=TO:_default' \
'*--signal-to=[Signal leader, group, or auto\: the group if the leader is a shell \[default\: auto\]]:[NAME=]MODE:(auto leader group)' \
'*--exit-map=[Exit with status TO instead of FROM, for example 143=0]:[NAME=]FROM=TO:_default' \
'--output=[raw, prefix (name before each line) or json (one object per line) \[default\: raw\]]:FORMAT:(raw prefix json)' \
'--log-format=[Format of untrap'\''s own messages \[default\: text\]]:text|json:(text json)' \
'--pid-dir=[Directory of a file NAME.pid for each service, for '\''untrap ps'\'' and '\''untrap signal'\'']:DIR:_files -/' \
'--no-resolve[Accept programs that do not exist yet, for example while an image is built]' \
'--timestamps[Write the time before each line; needs --output prefix]' \
'-q[Print only errors and warnings]' \
'--quiet[Print only errors and warnings]' \
'-v[Also print messages about orphans and other details]' \
'--verbose[Also print messages about orphans and other details]' \
'-h[Print the most used options (-h) or all options (--help)]' \
'--help[Print the most used options (-h) or all options (--help)]' \
'-V[Print the version]' \
'--version[Print the version]' \
'*::words -- Commands, each one quoted argument ('\''web\: puma -p 3000'\''); with -f process types (web=2):_default' \
&& ret=0
;;
(ps)
_arguments "${_arguments_options[@]}" : \
'--pid-dir=[Directory of a file NAME.pid for each service, for '\''untrap ps'\'' and '\''untrap signal'\'']:DIR:_files -/' \
'--json[Print a JSON array, one object for each service]' \
&& ret=0
;;
(signal)
_arguments "${_arguments_options[@]}" : \
'--pid-dir=[Directory of a file NAME.pid for each service, for '\''untrap ps'\'' and '\''untrap signal'\'']:DIR:_files -/' \
':signal -- For example HUP, SIGUSR1, RTMIN+3 or 15:(TERM HUP INT QUIT USR1 USR2 WINCH CONT STOP TSTP ALRM ABRT KILL)' \
'*::names -- A service (web.2) or a process type (web) \[default\: all services\]:_default' \
&& ret=0
;;
        esac
    ;;
esac
}

(( $+functions[_untrap_commands] )) ||
_untrap_commands() {
    local commands; commands=(
'check:Prints what would run, and runs nothing' \
'ps:Shows the services of a running untrap, each with its whole process group' \
'signal:Sends a signal to services of a running untrap, each with its whole process group' \
    )
    _describe -t commands 'untrap commands' commands "$@"
}
(( $+functions[_untrap__subcmd__check_commands] )) ||
_untrap__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'untrap check commands' commands "$@"
}
(( $+functions[_untrap__subcmd__ps_commands] )) ||
_untrap__subcmd__ps_commands() {
    local commands; commands=()
    _describe -t commands 'untrap ps commands' commands "$@"
}
(( $+functions[_untrap__subcmd__signal_commands] )) ||
_untrap__subcmd__signal_commands() {
    local commands; commands=()
    _describe -t commands 'untrap signal commands' commands "$@"
}

if [ "$funcstack[1]" = "_untrap" ]; then
    _untrap "$@"
else
    compdef _untrap untrap
fi
