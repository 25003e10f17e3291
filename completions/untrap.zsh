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
'-f+[Run this file'\''s process types; '\''-'\'' is standard input \[default\: ./Procfile\]]:FILE:_files' \
'--procfile=[Run this file'\''s process types; '\''-'\'' is standard input \[default\: ./Procfile\]]:FILE:_files' \
'*-e+[Set the variables of this file, unless they are set; later files win]:FILE:_files' \
'*--env-file=[Set the variables of this file, unless they are set; later files win]:FILE:_files' \
'--port=[Set PORT\: N, and 100 more for each next process type, 1 for each next instance]:N:_default' \
'*--user=[Run services as this user]:[NAME=]USER[:GROUP]:_default' \
'--shell=[What runs a command that needs a shell; '\''none'\'' allows none \[default\: /bin/sh\]]:PATH|none:_default' \
'*--before=[Run to its end before the first service starts, or a process type of the Procfile]:COMMAND:_default' \
'*--wait-for=[First wait for tcp\://HOST\:PORT, unix\://PATH, file\://PATH or exec\:COMMAND]:TARGET:_default' \
'--wait-timeout=[How long --wait-for and --ready wait \[default\: 60s\]]:DURATION:_default' \
'*--ready=[The next service starts when TARGET is there]:[NAME=]TARGET:_default' \
'*-t+[From the start of the stop to SIGKILL; 0s\: at once, inf\: never \[default\: 8s\]]:[NAME=]DURATION:_default' \
'*--timeout=[From the start of the stop to SIGKILL; 0s\: at once, inf\: never \[default\: 8s\]]:[NAME=]DURATION:_default' \
'*-s+[Sent to a service when the stop begins \[default\: what arrived, or TERM\]]:[NAME=]SIGNAL:(TERM HUP INT QUIT USR1 USR2 WINCH CONT STOP TSTP ALRM ABRT KILL)' \
'*--stop-signal=[Sent to a service when the stop begins \[default\: what arrived, or TERM\]]:[NAME=]SIGNAL:(TERM HUP INT QUIT USR1 USR2 WINCH CONT STOP TSTP ALRM ABRT KILL)' \
'*--on-exit=[At its end\: stop (default), stop-on-failure, ignore, restart, restart-on-failure]:[NAME=]ACTION:(stop stop-on-failure ignore restart restart-on-failure)' \
'--stop-order=[Stop at-once, or one by one\: reverse or listed \[default\: at-once\]]:ORDER:(at-once reverse listed)' \
'*--stop-command=[Run instead of sending the stop signal; sees UNTRAP_PID and UNTRAP_NAME]:[NAME=]COMMAND:_default' \
'--stop-delay=[Wait before telling anyone to stop \[default\: 0s\]]:DURATION:_default' \
'*--after=[Run after the last service has ended; sees UNTRAP_EXIT_CODE and UNTRAP_SIGNAL]:COMMAND:_default' \
'*-r+[Receive FROM as TO; TO '\''none'\'' drops it]:FROM=TO:_default' \
'*--rewrite=[Receive FROM as TO; TO '\''none'\'' drops it]:FROM=TO:_default' \
'*--signal-to=[Whom signals go to\: auto (a shell\: its group), leader or group \[default\: auto\]]:[NAME=]WHOM:(auto leader group)' \
'*--exit-map=[End with status TO instead of FROM, for example 143=0]:FROM=TO:_default' \
'--output=[raw, prefix (the name before each line) or json (an object a line) \[default\: raw\]]:FORMAT:(raw prefix json)' \
'--log-format=[How untrap'\''s own messages are written\: text, or JSON objects \[default\: text\]]:text|json:(text json)' \
'--pid-dir=[Keep NAME.pid of each service there, for '\''untrap ps'\'' and '\''untrap signal'\'']:DIR:_files -/' \
'--generate=[Print the man page or a completion script]:man|bash|zsh|fish:(man bash zsh fish)' \
'--timestamps[With --output prefix\: the time before each line]' \
'-q[Only messages about what went wrong]' \
'--quiet[Only messages about what went wrong]' \
'-v[Also messages about orphans and other details]' \
'--verbose[Also messages about orphans and other details]' \
'-h[Print the most used options (-h) or all of them (--help)]' \
'--help[Print the most used options (-h) or all of them (--help)]' \
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
'-f+[Run this file'\''s process types; '\''-'\'' is standard input \[default\: ./Procfile\]]:FILE:_files' \
'--procfile=[Run this file'\''s process types; '\''-'\'' is standard input \[default\: ./Procfile\]]:FILE:_files' \
'*-e+[Set the variables of this file, unless they are set; later files win]:FILE:_files' \
'*--env-file=[Set the variables of this file, unless they are set; later files win]:FILE:_files' \
'--port=[Set PORT\: N, and 100 more for each next process type, 1 for each next instance]:N:_default' \
'*--user=[Run services as this user]:[NAME=]USER[:GROUP]:_default' \
'--shell=[What runs a command that needs a shell; '\''none'\'' allows none \[default\: /bin/sh\]]:PATH|none:_default' \
'*--before=[Run to its end before the first service starts, or a process type of the Procfile]:COMMAND:_default' \
'*--wait-for=[First wait for tcp\://HOST\:PORT, unix\://PATH, file\://PATH or exec\:COMMAND]:TARGET:_default' \
'--wait-timeout=[How long --wait-for and --ready wait \[default\: 60s\]]:DURATION:_default' \
'*--ready=[The next service starts when TARGET is there]:[NAME=]TARGET:_default' \
'*-t+[From the start of the stop to SIGKILL; 0s\: at once, inf\: never \[default\: 8s\]]:[NAME=]DURATION:_default' \
'*--timeout=[From the start of the stop to SIGKILL; 0s\: at once, inf\: never \[default\: 8s\]]:[NAME=]DURATION:_default' \
'*-s+[Sent to a service when the stop begins \[default\: what arrived, or TERM\]]:[NAME=]SIGNAL:(TERM HUP INT QUIT USR1 USR2 WINCH CONT STOP TSTP ALRM ABRT KILL)' \
'*--stop-signal=[Sent to a service when the stop begins \[default\: what arrived, or TERM\]]:[NAME=]SIGNAL:(TERM HUP INT QUIT USR1 USR2 WINCH CONT STOP TSTP ALRM ABRT KILL)' \
'*--on-exit=[At its end\: stop (default), stop-on-failure, ignore, restart, restart-on-failure]:[NAME=]ACTION:(stop stop-on-failure ignore restart restart-on-failure)' \
'--stop-order=[Stop at-once, or one by one\: reverse or listed \[default\: at-once\]]:ORDER:(at-once reverse listed)' \
'*--stop-command=[Run instead of sending the stop signal; sees UNTRAP_PID and UNTRAP_NAME]:[NAME=]COMMAND:_default' \
'--stop-delay=[Wait before telling anyone to stop \[default\: 0s\]]:DURATION:_default' \
'*--after=[Run after the last service has ended; sees UNTRAP_EXIT_CODE and UNTRAP_SIGNAL]:COMMAND:_default' \
'*-r+[Receive FROM as TO; TO '\''none'\'' drops it]:FROM=TO:_default' \
'*--rewrite=[Receive FROM as TO; TO '\''none'\'' drops it]:FROM=TO:_default' \
'*--signal-to=[Whom signals go to\: auto (a shell\: its group), leader or group \[default\: auto\]]:[NAME=]WHOM:(auto leader group)' \
'*--exit-map=[End with status TO instead of FROM, for example 143=0]:FROM=TO:_default' \
'--output=[raw, prefix (the name before each line) or json (an object a line) \[default\: raw\]]:FORMAT:(raw prefix json)' \
'--log-format=[How untrap'\''s own messages are written\: text, or JSON objects \[default\: text\]]:text|json:(text json)' \
'--pid-dir=[Keep NAME.pid of each service there, for '\''untrap ps'\'' and '\''untrap signal'\'']:DIR:_files -/' \
'--generate=[Print the man page or a completion script]:man|bash|zsh|fish:(man bash zsh fish)' \
'--timestamps[With --output prefix\: the time before each line]' \
'-q[Only messages about what went wrong]' \
'--quiet[Only messages about what went wrong]' \
'-v[Also messages about orphans and other details]' \
'--verbose[Also messages about orphans and other details]' \
'-h[Print the most used options (-h) or all of them (--help)]' \
'--help[Print the most used options (-h) or all of them (--help)]' \
'-V[Print the version]' \
'--version[Print the version]' \
'*::words -- Commands, each one quoted argument ('\''web\: puma -p 3000'\''); with -f process types (web=2):_default' \
&& ret=0
;;
(ps)
_arguments "${_arguments_options[@]}" : \
'--pid-dir=[The pid directory of the running untrap]:DIR:_files -/' \
'--json[Print a JSON array, one object for each service]' \
&& ret=0
;;
(signal)
_arguments "${_arguments_options[@]}" : \
'--pid-dir=[The pid directory of the running untrap]:DIR:_files -/' \
':sent -- For example HUP, SIGUSR1, RTMIN+3 or 15:(TERM HUP INT QUIT USR1 USR2 WINCH CONT STOP TSTP ALRM ABRT KILL)' \
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
'ps:Shows what a running untrap runs, each service with its whole process group' \
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
