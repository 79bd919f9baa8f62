#compdef concierge
# Completion of `concierge` in zsh. In ~/.zshrc, after compinit: source <(concierge completion zsh)

_concierge() {
    local -a lines whole whole_shown part part_shown fields
    local line
    lines=("${(@f)$(command concierge completion zsh -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null </dev/null)}")
    for line in "${lines[@]}"; do
        fields=("${(@s:	:)line}")
        case ${fields[1]} in
            whole) whole+=("${fields[2]}"); whole_shown+=("${fields[3]}") ;;
            part) part+=("${fields[2]}"); part_shown+=("${fields[3]}") ;;
        esac
    done
    (( $#whole )) && compadd -l -d whole_shown -a -- whole
    (( $#part )) && compadd -S '' -l -d part_shown -a -- part
    (( $#whole + $#part ))
}

if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then
    _concierge "$@"
elif (( $+functions[compdef] )); then
    compdef _concierge concierge
fi
