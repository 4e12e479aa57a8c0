# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
# Completion of complyctl for fish. What may come next is complyctl's own to say.

function __complyctl_candidates
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines ($words[1] complete $words[2..] "$current" 2>/dev/null)
    if test "$lines[1]" = ":files"
        __fish_complete_path "$current"
    else
        printf '%s\n' $lines
    end
end

complete -c complyctl -f -a '(__complyctl_candidates)'
