"""What the command line says of parents and faults, in English, by key; Home Assistant has translations of the same keys."""

from collections.abc import Mapping

REFUSALS: Mapping[str, str] = {
    "loopback": (
        "{name} is the loopback interface; no other device can reach it. Choose the one that is wired to your LAN."
    ),
    "wireless": (
        "{name} is Wi-Fi; access points drop frames from any MAC but the adapter's own. Use a wired interface."
    ),
    "container_network": (
        "{name} joins containers or virtual machines to this host; nothing on your LAN sees it."
        " Choose the one that is wired to your LAN."
    ),
    "macvlan": "{name} is a second interface on another one already. Use what it sits on{instead}.",
    "not_ethernet": "{name} is not wired Ethernet; devices of a LAN cannot see a camera's MAC behind it.",
    "bridge_port": "{name} is a port of a bridge or bond, which takes all its frames. Use that one{instead}.",
    "down": "{name} is switched off. Switch it on first: ip link set {name} up.",
    "no_carrier": "{name} has no carrier. Check its cable.",
    "no_address": "{name} has no IPv4 address, so it is in no network that cameras could be in.",
}
"""Why an interface cannot carry cameras, by Refusal; `instead` is empty or `: NAME`."""

WARNINGS: Mapping[str, str] = {
    "virtual_machine": (
        "This is a virtual machine ({hypervisor}), which may drop frames with a camera's MAC. {hypervisor_setting}"
    ),
    "container_bridge": (
        "This is a container with a network of its own, to all appearances; cameras on {name} are then seen by containers"
        " only. Give the container the host's network."
    ),
}
"""Why cameras may not be reached, by ParentWarning."""

HYPERVISOR_SETTINGS: Mapping[str, str] = {
    "Proxmox VE": "In the machine's Hardware, clear Firewall on the network device, or switch off the MAC filter in its options.",
    "KVM": (
        "The machine's network card must sit on a bridge; a macvtap one needs trustGuestRxFilters='yes'. On Proxmox VE clear"
        " Firewall on the network device."
    ),
    "VMware": (
        "Accept forged transmits, and promiscuous mode or MAC learning, in the security settings of the port group."
    ),
    "VirtualBox": "Set the adapter to Bridged, and Promiscuous Mode to Allow All.",
    "Hyper-V": "Switch on MAC address spoofing in the advanced features of the network adapter.",
    "Xen": "The machine's network card must sit on a bridge that lets other MACs through; look for a MAC lock in its settings.",
}
"""What to switch on, by Hypervisor."""

FAULTS: Mapping[str, str] = {
    "step_failed": "`{command}` failed: {reason}.",
    "step_not_permitted": "`{command}` failed: making interfaces takes root, or the capability CAP_NET_ADMIN.",
    "parent_in_use": (
        "`{command}` failed: the parent is a port of a bridge, or in use by something that allows no macvlan beside it."
    ),
    "parent_unfit": (
        "`{command}` failed: the parent cannot carry macvlan interfaces, or another one on it is in passthru mode."
    ),
    "no_macvlan": "`{command}` failed: this kernel has no macvlan.",
    "parent_off": "`{command}` failed: its parent is switched off.",
    "mac_in_use": "`{command}` failed: another interface on the same parent has its MAC, here or in a container.",
    "mac_taken": "{other} has the MAC {mac} already, and it was not made by this program.",
    "name_taken": "There is an interface {other} already, and it was not made by this program.",
    "number_taken": "{other}, which is not in the inventory, has the number {number} and {mac}.",
    "table_taken": "The routing table {table}, which {interface} needs, is in use by something else.",
    "parent_missing": "There is no interface {parent} on this host.",
    "same_twice": "{first} and {second} cannot both have {value}.",
    "not_permitted": "Making interfaces takes root, or the capability CAP_NET_ADMIN.",
    "kept_elsewhere": (
        "Another program keeps the interfaces of this host already: the service of setup_interfaces.sh, or"
        " Home Assistant itself. Only one of them may."
    ),
    "netlink_failed": "The kernel's routing socket failed: {reason}",
    "no_events": "The kernel tells this process nothing about interfaces: {reason}",
    "file_unreadable": "{path} cannot be read: {reason}.",
    "file_too_big": "{path} is too big for an inventory of interfaces. It was left as it is.",
    "file_corrupt": (
        "{path} is not an inventory of interfaces: {reason}. It was left as it is: correct it, or remove it to begin anew."
    ),
    "file_too_new": (
        "{path} was written by a later version of this program (format {format}, this one knows {known})."
        " It was left as it is: upgrade this program."
    ),
    "file_unwritable": "{path} cannot be written: {reason}.",
}
"""What went wrong, by Fault."""

FINDINGS: Mapping[str, str] = {
    "parent_gone": "{interface}, which {cameras} sit on, is not there.",
    "parent_refused": "{interface} cannot carry {cameras}: {reason}",
    "parent_down": "{interface}, which {cameras} sit on, is switched off.",
    "no_carrier": "{interface}, which {cameras} sit on, has no carrier.",
    "interface_missing": "{interface} ({mac}, on {parent}) is not there.",
    "interface_refused": "{interface} is not as it should be, and cannot become so: {reason}",
    "link_down": "{interface} is switched off.",
    "no_address": "{interface} has no address.",
    "wrong_address": "{interface} has {address} instead of {wanted}.",
    "lease_lost": "{interface} ({mac}) has no address from the DHCP server.",
    "arp_settings": "The ARP settings of {interface} are wrong: {settings}; several interfaces then answer for one address.",
    "rp_filter": "{interface} has rp_filter={value} and not {wanted}; discovery may not reach the camera.",
    "ipv6_addresses": "{interface} makes itself IPv6 addresses, by which this host appears under a camera's MAC.",
    "rule_missing": "Routing rules for {address} of {interface} are missing; its replies leave with another MAC.",
    "reply_route": "Replies from {address} of {interface} to {destination} leave by {device}.",
    "main_route": "This host sends to {destination} by {interface}, as if it were the camera.",
    "duplicate_mac": "The MAC {mac} of {interface} is that of {other}, too.",
    "duplicate_address": "The address {address} of {interface} is used by {other}, too.",
    "gateway_unreachable": "The router {gateway} does not answer on {interface}; clients behind it cannot see {cameras}.",
    "frames_lost": "The router {gateway} answers this host, but not {interface} ({mac}).",
    "leftover": "Something is left of interfaces that are gone, or else is not needed: {steps}.",
}
"""What is wrong, by Check."""

REPAIR = "The program repairs it: while `run` is at work by itself, else by `apply`."
"""The remedy of all that is fixable."""

REMEDIES: Mapping[str, str] = {
    "parent_gone": "Plug the adapter in again or look at its driver (dmesg); if it has another name now, make the cameras anew on that.",
    "parent_refused": "Undo what was changed about {interface}, or make the cameras anew on another interface.",
    "parent_down": "Switch it on: ip link set {interface} up.",
    "no_carrier": "Check the cable, and the switch at its other end.",
    "interface_refused": "Remove what is in its way, or clean up and make the cameras anew.",
    "no_address": "Give it one: ip addr add ADDRESS/LENGTH dev {interface} noprefixroute; then apply.",
    "lease_lost": "Check that the DHCP server runs, has addresses left and knows this MAC if it serves known ones only; `run` must be at work.",
    "reply_route": "Another program's rule or route comes first; find it with `ip rule` and `ip route show table all`. A VPN is the usual one.",
    "duplicate_mac": "Give the other one another MAC, or remove the camera's interface and make it anew.",
    "duplicate_address": "Give one of the two another address; take the camera's out of the range of the DHCP server.",
    "gateway_unreachable": "Check that {gateway} is the router's address and that it is on; cameras in the same network work without.",
    "frames_lost": "Something between drops the camera's MAC: a virtual machine's network card, a switch port with a limit of MACs, or Wi-Fi.",
}
"""What to do where the program cannot, by Check."""
