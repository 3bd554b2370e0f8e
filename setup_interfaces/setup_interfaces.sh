#!/usr/bin/env bash
# Makes the network interfaces that give virtual cameras their own MAC and address, on a host where Home Assistant has no
# privilege to make them itself, and a service that keeps them. Finds what it needs, asks for what is missing, and leaves the
# interfaces themselves to the program `interfaces`.
set -euo pipefail
# The service, which is another user, reads what is written here.
umask 022

readonly MINIMUM_PYTHON="3.11"
readonly PYROUTE2="pyroute2>=0.9.6"
readonly SERVICE="onvif-proxy-interfaces.service"
readonly NETWORK="10-onvif-proxy.network"
readonly SECONDS_TO_START=20

here=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd)
root=""
package=""
python=""
venv=""
venv_given=0
command="create"
names=()
parent=""
count=""
mac_start=""
static=""
dhcp=0
gateway=""
allow_no_carrier=0
service=1
dry_run=0
json=0

usage() {
    cat <<'USAGE'
Usage: setup_interfaces.sh [--parent NAME] [--count N] [--static ADDRESS/LENGTH | --dhcp] [OPTION...]
       setup_interfaces.sh add [--parent NAME] [--count N] [--static ADDRESS/LENGTH | --dhcp] [OPTION...]
       setup_interfaces.sh remove [NAME...] [OPTION...]
       setup_interfaces.sh apply | status | --cleanup [OPTION...]

Makes macvlan interfaces, one for each camera, that have their own MAC and address on your LAN, and a systemd service that
makes them again after a reboot, repairs them and gets DHCP leases. What is not given is asked for. The same command twice
changes nothing the second time; after an update of the program it upgrades what is installed.

  --parent NAME            the wired interface that they sit on: eth0
  --count N                how many there are to be; with add, how many more
  --static ADDRESS/LENGTH  the first address, the others count up: 192.168.1.201/24
  --dhcp                   each gets its address from the DHCP server of your LAN
  --mac-start MAC          the first MAC, the others count up; without it they are derived from this host, always the same
  --gateway ADDRESS        the router, for clients in other networks; without it the parent's, or that of the lease
  --allow-no-carrier       take a parent that is not plugged in, too; without it, it is refused when it is chosen

  add                      have further interfaces
  remove                   have some no longer: onvifcam3
  apply                    repair them now
  status                   show the service and the interfaces, and what is missing (works without root)
  --cleanup                remove all of it, the service too, and give the parent its settings back

  --dry-run                print what would be done and do none of it (works without root)
  --no-service             interfaces until the next reboot, without a service
  --json                   print one JSON object as the last line
  --python PATH            the Python to use (3.11 or newer, with pyroute2 0.9.6 or newer)
  --venv PATH              where pyroute2 gets installed when no Python here has it; default /usr/local/lib/onvif_proxy/venv
  --package PATH           the folder custom_components/onvif_proxy, or the Home Assistant configuration that has it
  --root DIR               put the files of the service under this folder instead of /
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
        --allow-no-carrier) allow_no_carrier=1 ;;
        --root) need_value "$@"; root=$2; shift ;;
        --dry-run) dry_run=1 ;;
        --no-service) service=0 ;;
        --json) ;;
        add | remove | apply | status) command="$1" ;;
        --cleanup) command="cleanup" ;;
        -h | --help)
            usage
            exit 0
            ;;
        *)
            [[ "$command" == remove && "$1" != -* ]] || fail "unknown argument $1; see --help." 2
            names+=("$1")
            ;;
    esac
    shift
done
((dhcp)) && [[ -n "$static" ]] && fail "--dhcp and --static exclude each other." 2
if ((!service)) && [[ "$command" == add || "$command" == remove ]]; then
    fail "$command changes what the service keeps; it does not go with --no-service." 2
fi

# --- places

readonly lib="$root/usr/local/lib/onvif_proxy"
readonly installed="$lib/program"
readonly inventory="$root/etc/onvif_proxy/interfaces.json"
readonly unit="$root/etc/systemd/system/$SERVICE"
readonly networkd="$root/etc/systemd/network/$NETWORK"
readonly state="$root/var/lib/onvif_proxy"
readonly leases="$state/leases.json"
venv=${venv:-$lib/venv}

has_service() { ((service)) && [[ -e "$unit" ]]; }
service_is() { # service_is active|enabled
    has_service && systemctl --quiet "is-$1" "$SERVICE"
}

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

if [[ "$command" == create || "$command" == add ]]; then
    [[ -n "$parent" ]] || ask parent "Interface that is wired to your LAN" "$(default_parent)" --parent
    if [[ "$command" == create ]]; then
        [[ -n "$count" ]] || ask count "Number of cameras" 4 --count
    else
        [[ -n "$count" ]] || ask count "Number of further cameras" 1 --count
    fi
    if ((!dhcp)) && [[ -z "$static" ]]; then
        ask static "First address, with the LAN's prefix length (192.168.1.201/24), or dhcp" "" "--static or --dhcp"
        if [[ "$static" == dhcp ]]; then
            static=""
            dhcp=1
        fi
    fi
fi
if [[ "$command" == remove ]] && ((!${#names[@]})); then
    ask listed "Interfaces to remove (onvifcam3 onvifcam4)" "" "the NAME of an interface"
    read -r -a names <<<"$listed"
fi

# --- systemd

if ((service)) && [[ "$command" == create || "$command" == add || "$command" == remove ]]; then
    if [[ ! -d "$root/run/systemd/system" ]] || ! command -v systemctl >/dev/null; then
        [[ "$command" == create ]] ||
            fail "systemd does not run here, so there is no service whose interfaces could be changed; see 'Without systemd' in $here/README.md."
        fail "systemd does not run here: add --no-service to make the interfaces until the next reboot, and have this command run at each start (OpenRC's local.d, cron's @reboot), or have the program keep them as 'Without systemd' in $here/README.md shows."
    fi
    [[ "$command" != remove || -e "$inventory" ]] || fail "there is no inventory $inventory to remove from."
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

is_reachable() {
    # The service sees no home of anybody's, and temporary folders of its own; what is under --root runs in no sandbox.
    [[ -z "$root" ]] || return 0
    "$1" -c 'import os, sys
hidden = ("/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/")
paths = (sys.prefix, sys.base_prefix, os.path.realpath(sys.executable))
sys.exit(any(path.startswith(hidden) for path in paths))' 2>/dev/null
}

choose_python() {
    local candidate first="" for_service=0
    ((!service)) || [[ ! "$command" =~ ^(create|add|remove)$ ]] || for_service=1
    if [[ -n "$python" ]]; then
        is_new_enough "$python" || fail "$python is not a Python $MINIMUM_PYTHON or newer."
        has_pyroute2 "$python" || fail "$python has no $PYROUTE2. Run: $python -m pip install '$PYROUTE2'"
        ((!for_service)) || is_reachable "$python" ||
            fail "$python is in somebody's home or a temporary folder, which a service does not see. Leave --python out, or give another."
        python=$(command -v "$python")
        [[ "$python" == /* ]] || python="$PWD/$python"
        return
    fi
    if [[ -x "$venv/bin/python" ]] && has_pyroute2 "$venv/bin/python"; then
        python="$venv/bin/python"
        return
    fi
    for candidate in python3 /usr/bin/python3 python3.14 python3.13 python3.12 python3.11; do
        candidate=$(command -v "$candidate") || continue
        is_new_enough "$candidate" || continue
        ((!for_service)) || is_reachable "$candidate" || continue
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
    [[ -e "$venv" ]] || made_venv=1
    "$first" -m venv "$venv" >&2 ||
        fail "no virtual environment could be made in $venv. On Debian and Ubuntu: apt install python3-venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$PYROUTE2" >&2 ||
        fail "$PYROUTE2 could not be installed into $venv; see above."
    python="$venv/bin/python"
}
made_venv=0
work=""
undo=0

leave() {
    local status=$?
    trap - EXIT
    trap '' INT TERM
    ((!undo)) || roll_back
    # What was installed for a run that failed is of no use.
    if ((status && made_venv)) && [[ "$venv" == "$lib/venv" && ! -e "$unit" ]]; then
        rm -rf -- "$venv"
        remove_empty
    fi
    [[ -z "$work" ]] || rm -rf -- "$work"
    exit "$status"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

remove_empty() {
    rmdir -- "$lib" "${inventory%/*}" 2>/dev/null || true
}

# -B: no __pycache__ of root's in somebody's checkout.
interfaces() { "$python" -B "$program" "$@"; }

choose_python
as_json=()
((!json)) || as_json=(--json)
dry=()
((!dry_run)) || dry=(--dry-run)
request=()
if [[ "$command" == create || "$command" == add ]]; then
    request=(--parent "$parent" --count "$count")
    [[ -z "$mac_start" ]] || request+=(--mac-start "$mac_start")
    [[ -z "$gateway" ]] || request+=(--gateway "$gateway")
    ((!allow_no_carrier)) || request+=(--allow-no-carrier)
    if ((dhcp)); then request+=(--dhcp); else request+=(--static "$static"); fi
fi

# --- the service

write_unit() { # write_unit FILE
    local path text
    for path in "$python" "$installed" "$inventory"; do
        # systemd reads spaces, % and $ in a command in its own ways.
        [[ "$path" =~ ^/[A-Za-z0-9/._+@-]*$ ]] || fail "$path cannot be in a unit: choose a path of plain characters."
    done
    text=$(<"$here/$SERVICE")
    text=${text//@PYTHON@/$python}
    text=${text//@PROGRAM@/$installed}
    printf '%s\n' "${text//@INVENTORY@/$inventory}" >"$1"
}

stage() { # what is to be installed, in $work
    mkdir -p -- "$work/program/setup_interfaces" "$work/program/interfaces"
    cp -- "$program"/*.py "$work/program/interfaces/"
    cp -- "$here/setup_interfaces.sh" "$here/$SERVICE" "$here/$NETWORK" "$work/program/setup_interfaces/"
    chmod -R u=rwX,go=rX "$work/program"
    write_unit "$work/unit"
    # This run may be of the installed program, which it replaces.
    program="$work/program/interfaces"
}

put() { # put FILE PLACE: whole or not at all
    mkdir -p -- "${2%/*}" && install -m 0644 -- "$1" "$2.new" && mv -f -- "$2.new" "$2"
}

put_program() { # put_program FOLDER
    mkdir -p -- "$lib" && rm -rf -- "$installed.new" && cp -rp -- "$1" "$installed.new" &&
        rm -rf -- "$installed" && mv -- "$installed.new" "$installed"
}

back_up() {
    mkdir -- "$work/before"
    [[ ! -e "$installed" ]] || cp -rp -- "$installed" "$work/before/program"
    [[ ! -e "$inventory" ]] || cp -p -- "$inventory" "$work/before/inventory"
    [[ ! -e "$unit" ]] || cp -p -- "$unit" "$work/before/unit"
    [[ ! -e "$networkd" ]] || cp -p -- "$networkd" "$work/before/network"
    was_active=0
    was_enabled=0
    ! service_is active || was_active=1
    ! service_is enabled || was_enabled=1
}

put_back() { # put_back NAME PLACE
    rm -rf -- "$2" "$2.new"
    [[ ! -e "$work/before/$1" ]] || cp -rp -- "$work/before/$1" "$2"
}

# What networkd has configured stays as it is. What is under --root is not what it reads.
tell_networkd() {
    [[ -z "$root" && -d /run/systemd/system ]] || return 0
    ! systemctl --quiet is-active systemd-networkd.service || networkctl reload
}

roll_back() {
    set +e
    local said
    undo=0
    printf 'That failed; putting back what was before.\n' >&2
    [[ ! -e "$unit" ]] || systemctl --quiet stop "$SERVICE"
    said=$(interfaces exchange --from "$work/new.json" --to "$work/present.json" 2>&1) || printf '%s\n' "$said" >&2
    ((was_enabled)) || [[ ! -e "$unit" ]] || systemctl --quiet disable "$SERVICE"
    put_back program "$installed"
    put_back inventory "$inventory"
    put_back unit "$unit"
    put_back network "$networkd"
    tell_networkd
    remove_empty
    systemctl daemon-reload
    ((!was_active)) || systemctl --quiet start "$SERVICE" || printf 'The former service does not start.\n' >&2
}

# True when the service runs and the kernel is what the inventory says. Leases may still be on their way.
verified() {
    service_is active || return
    local said
    said=$(interfaces exchange --from "$inventory" --to "$inventory" --dry-run 2>&1) || return
    [[ "$said" == "0 steps would be done." ]]
}

wait_until_verified() {
    local end=$((SECONDS + SECONDS_TO_START))
    until verified; do
        ((SECONDS < end)) || return 1
        sleep 0.2
    done
    # One that ends at once had been seen active.
    sleep 1
    verified
}

why_not() {
    systemctl --no-pager --lines=10 status "$SERVICE" >&2 || true
    interfaces status --inventory "$inventory" >&2 || true
}

is_installed_as_staged() {
    cmp --quiet -- "$work/unit" "$unit" && cmp --quiet -- "$here/$NETWORK" "$networkd" &&
        diff --brief --recursive --exclude=__pycache__ -- "$work/program" "$installed" >/dev/null
}

change() {
    local same_files=0
    work=$(mktemp -d)
    local wanted=("${request[@]}")
    [[ "$command" != remove ]] || wanted=("${names[@]}")
    interfaces enlist "$command" --inventory "$inventory" --into "$work/new.json" "${as_json[@]}" "${wanted[@]}" \
        >"$work/said" || tell_and_exit "$work/said"
    interfaces enlist present --inventory "$inventory" --into "$work/present.json" "${as_json[@]}" \
        >"$work/present" || tell_and_exit "$work/present"
    stage
    ! is_installed_as_staged || same_files=1
    if ((same_files)) && cmp --quiet -- "$work/new.json" "$inventory" && service_is enabled && verified; then
        # No step is left to do, so this only tells it.
        interfaces exchange --from "$inventory" --to "$inventory" "${dry[@]}" "${as_json[@]}"
        return
    fi
    # The JSON object is that of the last program only.
    if ((json)); then sed '$d' -- "$work/said"; else cat -- "$work/said"; fi
    if ((dry_run)); then
        ((same_files)) || printf 'would write %s\n' "$installed" "$unit" "$networkd"
        cmp --quiet -- "$work/new.json" "$inventory" || printf 'would write %s\n' "$inventory"
        printf 'would start %s\n' "$SERVICE"
        interfaces exchange --from "$work/present.json" --to "$work/new.json" --dry-run "${as_json[@]}"
        return
    fi
    back_up
    undo=1
    # Before there is an interface that networkd could take.
    put "$here/$NETWORK" "$networkd" || fail "$networkd cannot be written; see above."
    tell_networkd || fail "systemd-networkd does not take $networkd; see above."
    # The interfaces stay while the service is stopped, and the cameras go on.
    ((!was_active)) || systemctl --quiet stop "$SERVICE" || fail "the service does not stop; see above."
    interfaces exchange --from "$work/present.json" --to "$work/new.json" --leases "$leases" "${as_json[@]}" >"$work/done" ||
        tell_and_exit "$work/done"
    put_program "$work/program" || fail "$installed cannot be written; see above."
    put "$work/new.json" "$inventory" || fail "$inventory cannot be written; see above."
    put "$work/unit" "$unit" || fail "$unit cannot be written; see above."
    systemctl daemon-reload || fail "systemd does not take the unit; see above."
    systemctl --quiet enable "$SERVICE" || fail "the service cannot be enabled; see above."
    systemctl --quiet start "$SERVICE" || { why_not; fail "the service does not start; see above."; }
    wait_until_verified || { why_not; fail "the service does not keep the interfaces as asked; see above."; }
    undo=0
    printf '%s runs, and starts with this host.\n' "$SERVICE"
    cat -- "$work/done"
}

tell_and_exit() { # tell_and_exit FILE: with what the program said there; the reason is on stderr already
    cat -- "$1"
    exit 1
}

cleanup() {
    if has_service; then
        if ((dry_run)); then
            printf 'would stop and remove %s\n' "$SERVICE" "$inventory" "$lib" "$state" "$networkd"
            interfaces cleanup --dry-run "${as_json[@]}"
            return
        fi
        systemctl --quiet disable --now "$SERVICE" || fail "the service does not stop; see above."
        rm -f -- "$unit"
        systemctl daemon-reload
        systemctl --quiet reset-failed "$SERVICE" 2>/dev/null || true
    fi
    local status=0
    interfaces cleanup --leases "$leases" "${dry[@]}" "${as_json[@]}" || status=$?
    ((!dry_run && service && !status)) || return "$status"
    rm -f -- "$inventory" "$networkd"
    tell_networkd || printf 'systemd-networkd did not read its files again.\n' >&2
    rm -rf -- "$lib" "$state" "$root/var/lib/private/onvif_proxy"
    remove_empty
}

apply() {
    if ! has_service; then
        interfaces apply "${dry[@]}" "${as_json[@]}"
    elif ((dry_run)); then
        interfaces apply --inventory "$inventory" --dry-run "${as_json[@]}"
    elif service_is active; then
        # Who reads its inventory again also repairs.
        systemctl reload "$SERVICE" && wait_until_verified || { why_not; fail "the service does not repair them; see above."; }
        interfaces exchange --from "$inventory" --to "$inventory" "${as_json[@]}"
    else
        systemctl start "$SERVICE" && wait_until_verified || { why_not; fail "the service does not start; see above."; }
        interfaces exchange --from "$inventory" --to "$inventory" "${as_json[@]}"
    fi
}

status() {
    local status=0 said sentence="$SERVICE runs."
    if ! has_service; then
        interfaces status "${as_json[@]}"
        return
    fi
    said=$(interfaces status --inventory "$inventory" "${as_json[@]}") || status=$?
    if ! service_is active; then
        sentence="$SERVICE does not run. To start it: sudo systemctl start $SERVICE"
        status=1
        if ((json)); then
            said=$("$python" -c 'import json, sys
*lines, last = sys.argv[2].splitlines()
report = json.loads(last)
report["short"].append(sys.argv[1])
report["ok"] = False
print(*lines, json.dumps(report), sep="\n")' "$sentence" "$said")
        fi
    fi
    printf '%s\n' "$said"
    printf '%s\n' "$sentence" >&2
    return "$status"
}

case "$command" in
    create)
        if ((service)); then change; else interfaces create "${request[@]}" "${dry[@]}" "${as_json[@]}"; fi
        ;;
    add | remove) change ;;
    *) "$command" ;;
esac
