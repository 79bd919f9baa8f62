# Completion of `concierge` in fish: concierge completion fish > ~/.config/fish/completions/concierge.fish

function __concierge_complete
    set --local before (commandline --current-process --tokenize --cut-at-cursor)
    set --local word (commandline --current-token --cut-at-cursor)
    command concierge completion fish -- $before "$word" 2>/dev/null </dev/null
end

complete --command concierge --no-files --keep-order --arguments '(__concierge_complete)'
