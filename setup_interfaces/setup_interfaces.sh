#!/usr/bin/env bash
# Makes the network interfaces that give virtual cameras their own MAC and address, on a host where Home Assistant has no
# privilege to make them itself. Finds what it needs, asks for what is missing, and hands over to the program `interfaces`.
set -euo pipefail

readonly MINIMUM_PYTHON="3.11"
readonly PYROUTE2="pyroute2>=0.9.6"
readonly DEFAULT_VENV="/var/lib/onvif_proxy/venv"

here=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd)
package=""
python=""
venv="$DEFAULT_VENV"
venv_given=0
command="create"
parent=""
count=""
mac_start=""
static=""
dhcp=0
gateway=""
dry_run=0
json=0

usage() {
    cat <<'USAGE'
Usage: setup_interfaces.sh [--parent NAME] [--count N] [--static ADDRESS/LENGTH | --dhcp] [OPTION...]
       setup_interfaces.sh apply | status | --cleanup [OPTION...]

Makes macvlan interfaces, one for each camera, that have their own MAC and address on your LAN. What is not given is asked
for. The same command twice changes nothing the second time.

  --parent NAME            the wired interface that they sit on: eth0
  --count N                how many
  --static ADDRESS/LENGTH  the first address, the others count up: 192.168.1.201/24
  --dhcp                   no address for now (DHCP leases come with a later version)
  --mac-start MAC          the first MAC, the others count up; without it they are derived from this host, always the same
  --gateway ADDRESS        the router, for clients in other networks; without it the parent's

  apply                    complete the interfaces for the addresses that they have now, and repair them
  status                   show them and what is missing (works without root)
  --cleanup                remove all of it and give the parent its settings back

  --dry-run                print the steps and do none (works without root)
  --json                   print one JSON object as the last line
  --python PATH            the Python to use (3.11 or newer, with pyroute2 0.9.6 or newer)
  --venv PATH              where pyroute2 gets installed when no Python here has it; default /var/lib/onvif_proxy/venv
  --package PATH           the folder custom_components/onvif_proxy, or the Home Assistant configuration that has it
  --help                   this text
USAGE
}

fail() {
    printf 'setup_interfaces.sh: %s\n' "$1" >&2
    if ((json)); then
        # What is said here may hold what was typed; JSON wants quotes, backslashes and control characters escaped.
        local sentence=${1//\\/\\\\}
        sentence=${sentence//\"/\\\"}
        sentence=$(printf '%s' "$sentence" | tr '\n\t' '  ' | tr -d '\000-\037')
        printf '{"ok": false, "short": ["%s"]}\n' "$sentence"
    fi
    exit "${2:-1}"
}

need_value() {
    [[ $# -ge 2 && -n "$2" ]] || fail "$1 needs a value; see --help." 2
}

original=("$@")
# Known before the rest, so that a wrong command line is told in JSON as well.
[[ " $* " == *" --json "* ]] && json=1
while (($#)); do
    case "$1" in
        --parent) need_value "$@"; parent=$2; shift ;;
        --count) need_value "$@"; count=$2; shift ;;
        --mac-start) need_value "$@"; mac_start=$2; shift ;;
        --static) need_value "$@"; static=$2; shift ;;
        --gateway) need_value "$@"; gateway=$2; shift ;;
        --python) need_value "$@"; python=$2; shift ;;
        --venv) need_value "$@"; venv=$2; venv_given=1; shift ;;
        --package) need_value "$@"; package=$2; shift ;;
        --dhcp) dhcp=1 ;;
        --dry-run) dry_run=1 ;;
        --json) ;;
        apply | status) command="$1" ;;
        --cleanup) command="cleanup" ;;
        -h | --help)
            usage
            exit 0
            ;;
        *) fail "unknown argument $1; see --help." 2 ;;
    esac
    shift
done
((dhcp)) && [[ -n "$static" ]] && fail "--dhcp and --static exclude each other." 2

# --- the program

program=""
for candidate in "${package:-$here/..}" "${package:-$here/..}/custom_components/onvif_proxy"; do
    if [[ -f "$candidate/interfaces/__main__.py" ]]; then
        program=$(cd -- "$candidate" && pwd)/interfaces
    fi
done
if [[ -z "$program" ]]; then
    [[ -z "$package" ]] || fail "there is no onvif_proxy in $package."
    fail "the program is not beside this script; say where with --package /path/to/home-assistant-configuration."
fi

# --- privilege

if ((EUID != 0)) && ((!dry_run)) && [[ "$command" != status ]]; then
    again=$(printf ' %q' "$(readlink -f -- "${BASH_SOURCE[0]}")" "${original[@]}")
    fail "changing interfaces needs root. Run: sudo$again"
fi

# --- questions: each has its flag

ask() { # ask VARIABLE QUESTION DEFAULT FLAG
    local answer
    [[ -t 0 ]] || fail "$4 is missing, and there is no terminal to ask on; see --help." 2
    read -r -p "$2${3:+ [$3]}: " answer || fail "no answer." 2
    printf -v "$1" '%s' "${answer:-$3}"
}

default_parent() {
    # The interface of the default route: destination and mask are zero.
    awk 'NR > 1 && $2 == "00000000" && $8 == "00000000" { print $1; exit }' /proc/net/route
}

if [[ "$command" == create ]]; then
    [[ -n "$parent" ]] || ask parent "Interface that is wired to your LAN" "$(default_parent)" --parent
    [[ -n "$count" ]] || ask count "Number of cameras" 4 --count
    if ((!dhcp)) && [[ -z "$static" ]]; then
        ask static "First address, with the LAN's prefix length (192.168.1.201/24), or dhcp" "" "--static or --dhcp"
        if [[ "$static" == dhcp ]]; then
            static=""
            dhcp=1
        fi
    fi
fi

# --- Python

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < tuple(map(int, sys.argv[1].split("."))))' "$MINIMUM_PYTHON" 2>/dev/null
}

has_pyroute2() {
    "$1" -c 'import re, sys
from importlib.metadata import version
sys.exit(tuple(map(int, re.findall(r"\d+", version("pyroute2"))[:3])) < (0, 9, 6))' 2>/dev/null
}

choose_python() {
    local candidate first=""
    if [[ -n "$python" ]]; then
        is_new_enough "$python" || fail "$python is not a Python $MINIMUM_PYTHON or newer."
        has_pyroute2 "$python" || fail "$python has no $PYROUTE2. Run: $python -m pip install '$PYROUTE2'"
        return
    fi
    if [[ -x "$venv/bin/python" ]] && has_pyroute2 "$venv/bin/python"; then
        python="$venv/bin/python"
        return
    fi
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        candidate=$(command -v "$candidate") || continue
        is_new_enough "$candidate" || continue
        first=${first:-$candidate}
        if has_pyroute2 "$candidate"; then
            python=$candidate
            return
        fi
    done
    [[ -n "$first" ]] || fail "this needs Python $MINIMUM_PYTHON or newer. On Debian and Ubuntu: apt install python3 python3-venv"
    # Who only looks gets nothing installed unless a place is named.
    if ((!venv_given)) && { ((dry_run)) || [[ "$command" == status ]]; }; then
        fail "this needs $PYROUTE2, which is installed when interfaces are made. To have it before, add --venv FOLDER."
    fi
    printf 'Installing %s for this program alone, into %s.\n' "$PYROUTE2" "$venv" >&2
    "$first" -m venv "$venv" >&2 ||
        fail "no virtual environment could be made in $venv. On Debian and Ubuntu: apt install python3-venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$PYROUTE2" >&2 ||
        fail "$PYROUTE2 could not be installed into $venv; see above."
    python="$venv/bin/python"
}
choose_python

# --- hand over

arguments=("$command")
if [[ "$command" == create ]]; then
    arguments+=(--parent "$parent" --count "$count")
    [[ -n "$mac_start" ]] && arguments+=(--mac-start "$mac_start")
    [[ -n "$gateway" ]] && arguments+=(--gateway "$gateway")
    if ((dhcp)); then arguments+=(--dhcp); else arguments+=(--static "$static"); fi
fi
((dry_run)) && [[ "$command" != status ]] && arguments+=(--dry-run)
((json)) && arguments+=(--json)
# -B: no __pycache__ of root's in somebody's checkout.
exec "$python" -B "$program" "${arguments[@]}"
