"""Tests on a LAN of network namespaces; they need CAP_NET_ADMIN and CAP_SYS_ADMIN."""
