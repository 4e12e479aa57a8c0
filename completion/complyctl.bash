# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
# Completion of complyctl for bash. What may come next is complyctl's own to say.

_complyctl() {
    local cur=${COMP_WORDS[COMP_CWORD]} cword=$COMP_CWORD line
    local words=("${COMP_WORDS[@]}")
    # Ids may hold ":" and options "=", at which bash parts words; bash-completion knows how to join them.
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n =: cur words cword
    fi
    COMPREPLY=()
    while IFS= read -r line; do
        if [ "$line" = ":files" ]; then
            compopt -o default
            return
        fi
        COMPREPLY+=("$(printf '%q' "${line%%$'\t'*}")")
    done < <("${words[0]}" complete "${words[@]:1:cword}" 2>/dev/null)
    if declare -F __ltrim_colon_completions >/dev/null; then
        __ltrim_colon_completions "$cur"
    fi
}

complete -F _complyctl complyctl
