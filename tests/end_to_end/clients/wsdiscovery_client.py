"""WSDiscovery, what Home Assistant's onvif integration searches with, in its own virtual environment."""

from steps import Failed, read_job, step
from wsdiscovery import QName, Scope
from wsdiscovery.discovery import ThreadedWSDiscovery

NVT = QName("http://www.onvif.org/ver10/network/wsdl", "NetworkVideoTransmitter", "dp0")
STREAMING = Scope("onvif://www.onvif.org/Profile/Streaming")


def main() -> None:
    """Read the job, do it."""
    job = read_job()
    if not job["discover"]:
        return
    with step("discover") as seen:
        discovery = ThreadedWSDiscovery(relates_to=True)
        discovery.start()
        try:
            services = discovery.searchServices(types=[NVT], scopes=[STREAMING], timeout=2)
        finally:
            discovery.stop()
        if job["xaddr"] not in [address for one in services for address in one.getXAddrs()]:
            raise Failed(f"not among the {len(services)} that were found")
        seen(f"{len(services)} cameras of Profile/Streaming")


if __name__ == "__main__":
    main()
