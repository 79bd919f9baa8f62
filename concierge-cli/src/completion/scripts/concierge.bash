# Completion of `concierge` in bash. In ~/.bashrc: source <(concierge completion bash)

_concierge() {
    local reply
    COMPREPLY=()
    while IFS= read -r reply; do
        COMPREPLY+=("$reply")
    done < <(command concierge completion bash -- "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null </dev/null)
}

# Each reply ends with its own space, or with none where more is to come.
complete -o nospace -F _concierge concierge
