"""Real messages, as devices and clients write them: what inputs grow from."""

from base64 import b64decode, b64encode
from datetime import UTC, datetime
from hashlib import sha1

from custom_components.onvif_proxy.responder.names import NAMESPACES
from tests.relay.scripted_recorder import SDP as SCRIPTED
from tests.test_sdp import DAHUA, HIKVISION

REQUESTS = (
    b"OPTIONS rtsp://192.0.2.7:554/main RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: Lavf61.7.100\r\n\r\n",
    b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    (
        b"DESCRIBE rtsp://192.0.2.7:554/main RTSP/1.0\r\nAccept: application/sdp\r\nCSeq: 2\r\n"
        b'Authorization: Digest username="viewer", realm="camera", nonce="5f2ba7d0", uri="rtsp://192.0.2.7:554/main", '
        b'response="0123456789abcdef0123456789abcdef"\r\n\r\n'
    ),
    (
        b"SETUP rtsp://192.0.2.7:554/main/trackID=1 RTSP/1.0\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        b"CSeq: 4\r\nSession: 3A2F\r\n\r\n"
    ),
    (
        b"SETUP rtsp://192.0.2.7/main/trackID=1 RTSP/1.0\nCSeq: 5\n"
        b"Transport: RTP/AVP;unicast;client_port=5000-5001, RTP/AVP/TCP;unicast;interleaved=0-1\n\n"
    ),
    b"PLAY rtsp://192.0.2.7:554/main/ RTSP/1.0\r\nRange: npt=0.000-\r\nCSeq: 6\r\nSession: 3A2F\r\n\r\n",
    b"GET_PARAMETER rtsp://192.0.2.7/main RTSP/1.0\r\nCSeq: 7\r\nSession: 3A2F\r\n\r\n",
    (
        b"SET_PARAMETER rtsp://192.0.2.7/main RTSP/1.0\r\nCSeq: 8\r\nContent-Type: text/parameters\r\n"
        b"Content-Length: 12\r\n\r\nvolume: 11\r\n"
    ),
    b"PAUSE /main RTSP/1.0\r\nCSeq: 9\r\nSession: 3A2F\r\n\r\n",
    b"TEARDOWN rtsp://192.0.2.7:554/main/ RTSP/1.0\r\nCSeq: 10\r\nSession: 3A2F\r\n\r\n",
    b"ANNOUNCE rtsp://192.0.2.7/ RTSP/1.0\r\nCSeq: 77\r\n\r\n",
    b"GET /main HTTP/1.0\r\nx-sessioncookie: tD9hKgAAfB8ABCftAAAAAw\r\nAccept: application/x-rtsp-tunnelled\r\n\r\n",
)

DESCRIPTIONS = (
    HIKVISION,
    DAHUA,
    SCRIPTED,
    (
        b"\xef\xbb\xbfv=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=No Name\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=framerate:12.5\r\n"
        b"a=x-dimensions: 640, 480\r\na=control:track1\r\na=fmtp:26 u=rtsp://192.0.2.64/\r\nm=audio 0 RTP/AVP 0 8 101\r\na=rtcp-fb:* nack\r\na=ptime:20\r\n"
    ),
    (
        b"v=0\ns=RTSP Session\na=range:clock=20261121T120000Z-\na=control:rtsp://192.0.2.9/cam/\nm=video 0 RTP/AVP 97\n"
        b"a=rtpmap:97 MP4V-ES/90000\na=framesize:97 704-576\na=fmtp:97 profile-level-id=3;config=000001B0F3000001B509\n"
    ),
)

RESPONSES = (
    b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n\r\n",
    (
        b'RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\nWWW-Authenticate: Digest realm="recorder", nonce="6a1", stale="FALSE"\r\n'
        b'WWW-Authenticate: Basic realm="recorder"\r\n\r\n'
    ),
    b"RTSP/1.0 200 OK\r\nCSeq: 3\r\nContent-Base: rtsp://192.0.2.64:554/Streaming/Channels/101/\r\n"
    b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%b" % (len(HIKVISION), HIKVISION),
    (
        b"RTSP/1.0 200 OK\r\nCSeq: 4\r\nSession:  1185d20035702ca; timeout = 60\r\n"
        b'Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=1234ABCD;mode="play"\r\n\r\n'
    ),
    b"RTSP/1.0 200 OK\nCSeq: 5\nSession: 1185d20035702ca\nRTP-Info: url=trackID=1;seq=1;rtptime=100\n\n",
    b"RTSP/1.0 302 Moved Temporarily\r\nCSeq: 6\r\nLocation: rtsp://192.0.2.64:8554/new\r\n\r\n",
    b"RTSP/1.0 453\r\nCSeq: 7\r\nX-Long: one\r\n two\r\n\tthree\r\n\r\n",
    b"\r\n\r\nRTSP/1.0 454 Session Not Found\r\nCSeq: 8\r\nServer: Gro\xdfe Kamera\r\n\r\n",
)

URIS = (
    "rtsp://192.0.2.64:554/Streaming/Channels/101?transportmode=unicast&profile=Profile_1",
    "rtsp://192.0.2.9/cam/realmonitor?channel=1&subtype=0&unicast=true&proto=Onvif",
    "rtsp://admin:pa%40ss@recorder.lan:8554/h264Preview_01_main",
    "rtsp://[2001:db8::7]:554/main",
    "RTSP://bücher.example/unicast/c1/s0/live",
    "rtsp://192.0.2.7/main/trackID=1",
    "rtsp://192.0.2.7:554",
    "/sub/trackID=2/",
    "*",
    "/main?a=b",
    "trackID=1",
    "http://192.0.2.7/onvif",
)

TRANSPORTS = (
    "RTP/AVP/TCP;unicast;interleaved=0-1",
    "RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;interleaved=2",
    "RTP/AVP/UDP;multicast;destination=224.1.1.1;port=6000-6001;ttl=16",
    'RTP/AVP/TCP;unicast;interleaved=254-255;ssrc=1234ABCD;mode="play"',
)
SESSIONS = ("1185d20035702ca;timeout=60", "12345678", " SECRET ; timeout = 30 ", "1;timeout=0", ";timeout=5")
RANGES = (
    "npt=0.000-",
    "npt=now-",
    "npt=10:05:59.5-12:00:00",
    "clock=20261121T120000Z-20261121T130000.25Z",
    "smpte=0:1",
)

CHALLENGES = (
    'Digest realm="recorder", nonce="6a1b2c", algorithm=MD5, qop="auth,auth-int", opaque="x\\"y"',
    'Digest realm="IP Camera(12345)", nonce="5ccc069c403ebaf9f0171e9517f40e41", stale="FALSE"',
    'Digest realm="r", nonce="n", algorithm=SHA-256, qop=auth',
    'Basic realm="recorder"',
    "digest nonce=abc,realm=plain",
)

CONFIGURATION = b"""[{"address": "192.0.2.7", "port": 554, "credentials": {"username": "viewer", "password": "ViewerSecret"},
 "sources": {"main": {"uri": "rtsp://192.0.2.64:554/Streaming/Channels/101?a=b",
  "credentials": {"username": "admin", "password": "S\\u00fc\\u00df"}}},
 "options": {"keep_seconds": 10.5, "always_on": true, "audio": false, "tick": 0}},
 {"address": "192.0.2.8", "port": 0, "credentials": null, "sources": {"main": {"uri": "rtsp://h/s",
  "credentials": {"username": "", "password": ""}}}}]"""

_CAMERA = CONFIGURATION[1 : CONFIGURATION.index(b",\n {")]
LINES = (
    b'{"kind": "AddCamera", "number": 1, "payload": 0, "message": {"id": 1, "camera": %b}}' % _CAMERA,
    b'{"kind": "UpdateCamera", "number": null, "payload": 0, "message": {"id": 1, "camera": %b}}' % _CAMERA,
    b'{"kind": "RemoveCamera", "number": 3, "payload": 0, "message": {"id": 1}}',
    b'{"kind": "LockOut", "number": null, "payload": 0, "message": {"id": 1, "source": "192.0.2.1", "seconds": 59.5}}',
    b'{"kind": "GetKeyFrame", "number": 4, "payload": 0, "message": {"id": 1, "stream": "main", "seconds": 2}}',
    b'{"kind": "Ping", "number": null, "payload": 0, "message": {"log_level": 10}}',
    (
        b'{"kind": "TakeTunnel", "number": null, "payload": 5, "message": {"id": 1, "half": '
        b'{"cookie": "tD9h", "sending": true, "client": "192.0.2.1"}}}'
    ),
    b'{"kind": "Failed", "number": 5, "payload": 0, "message": {"errno": 98, "text": "Address already in use"}}',
    b'{"kind": "KeyFrameFound", "number": 6, "payload": 16777216, "message": {"codec": "H264"}}',
    b'{"kind": "Health", "number": null, "payload": 0, "message": {"memory": 1, "cpu_seconds": 0.5, "cameras": 32}}',
    b'{"kind": "Activity", "number": null, "payload": 0, "message": {"id": 1, "viewers": 2, "streams": {"main": "live"}}}',
    (
        b'{"kind": "LoginFailed", "number": null, "payload": 0, "message": {"id": 1, "failure": {"source": "192.0.2.1", '
        b'"way": "rtsp", "problem": "wrong_password", "at": "2026-11-21T12:00:00+00:00", "seconds_off": null, "count": 1}}}'
    ),
    (
        b'{"kind": "CameraStatistics", "number": 7, "payload": 0, "message": {"streams": [{"name": "main", "state": "live", '
        b'"reason": null, "since": "2026-11-21T12:00:00Z", "bit_rate": 8e6, "frame_rate": 25.0, "reconnects": 0, '
        b'"dropped_groups": 0, "bytes": 12345678901}], "viewers": []}}'
    ),
    b'{"kind": "LogLine", "number": null, "payload": 0, "message": {"level": 20, "logger": "relay.hub", "text": "x"}}',
)

SEQUENCE_PARAMETERS = tuple(
    b64decode(text)
    for text in (
        "Z0LADdkBYJaEAAADAAQAAAMAyDxQqSA=",
        "Z2QAKKzZQHgCJ+WEAAADAAQAAAMAyDxgxlg=",
        "QgEBAWAAAAMAkAAAAwAAAwB4oAPAgBDlllZpJMrmgIAAAAMAgAAADIQ=",
        "QgEBAWAAAAMAkAAAAwAAAwA/oAUSAXHJJllZpJMrmgIAAAMAAgAAAwAyEA==",
    )
)

_SECURITY = (
    '<wsse:Security env:mustUnderstand="1"><wsse:UsernameToken><wsse:Username>viewer</wsse:Username>'
    '<wsse:Password Type="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest">'
    "%s</wsse:Password><wsse:Nonce EncodingType="
    '"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary">'
    "bm9uY2Vub25jZW5vbmNlIQ==</wsse:Nonce><wsu:Created>2026-11-21T12:00:00Z</wsu:Created></wsse:UsernameToken></wsse:Security>"
)


def _envelope(header: str, body: str) -> bytes:
    declared = " ".join(
        f'xmlns:{prefix}="{NAMESPACES[prefix]}"' for prefix in ("env", "wsse", "wsu", "wsa", "tds", "trt", "a", "d")
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><env:Envelope {declared}><env:Header>{header}</env:Header>'
        f"<env:Body>{body}</env:Body></env:Envelope>"
    ).encode()


def _token(password: str) -> str:
    digest = sha1(b"noncenoncenonce!" + b"2026-11-21T12:00:00Z" + password.encode(), usedforsecurity=False).digest()
    return _SECURITY % b64encode(digest).decode()


TOKEN_PASSWORD = "ViewerSecret"
TOKEN_TIME = datetime(2026, 11, 21, 12, tzinfo=UTC)
ENVELOPES = (
    _envelope(_token(TOKEN_PASSWORD), "<tds:GetDeviceInformation/>"),
    _envelope(_token("wrong"), "<trt:GetStreamUri><trt:ProfileToken>main</trt:ProfileToken></trt:GetStreamUri>"),
    _envelope(
        "<wsa:MessageID>urn:uuid:1</wsa:MessageID><wsa:Action env:mustUnderstand='true'>x</wsa:Action>",
        "<tds:GetSystemDateAndTime xmlns='urn:x'><!-- a --><![CDATA[b]]></tds:GetSystemDateAndTime>",
    ),
    b'<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><GetUsers/></Body></Envelope>',
)
"""Of SOAP; the first holds a good login."""

_PROBE = (
    "<a:MessageID>uuid:7</a:MessageID><a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>"
    "<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/%s</a:Action>"
)
DATAGRAMS = (
    _envelope(
        _PROBE % "Probe",
        '<d:Probe><d:Types xmlns:dn="{}">dn:NetworkVideoTransmitter</d:Types>'
        "<d:Scopes>onvif://www.onvif.org/Profile/Streaming</d:Scopes></d:Probe>".format(NAMESPACES["dn"]),
    ),
    _envelope(
        _PROBE % "Probe",
        "<d:Probe><d:Scopes MatchBy='http://schemas.xmlsoap.org/ws/2005/04/discovery/uuid'>"
        "uuid:12345678-1234-1234-1234-123456789abc</d:Scopes></d:Probe>",
    ),
    _envelope(_PROBE % "Probe", "<d:Probe/>"),
    _envelope(
        _PROBE % "Resolve",
        "<d:Resolve><a:EndpointReference><a:Address>urn:uuid:1234</a:Address></a:EndpointReference></d:Resolve>",
    ),
)
"""Of WS-Discovery."""
