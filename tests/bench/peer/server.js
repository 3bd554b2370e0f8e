// What a virtual camera of other projects is: npm `soap` answers GetProfiles and GetStreamUri from constants, and checks no login.
// Prints its port, and ends with its standard input.
const http = require("http");
const path = require("path");
const fs = require("fs");
const soap = require("soap");

const profile = (token, width, height) => ({
  attributes: { token, fixed: true },
  "tt:Name": token,
  "tt:VideoSourceConfiguration": {
    attributes: { token: "VideoSourceConfiguration_1" },
    "tt:Name": "VideoSourceConfiguration_1",
    "tt:UseCount": 2,
    "tt:SourceToken": "VideoSource_1",
    "tt:Bounds": { attributes: { x: 0, y: 0, width: 2560, height: 1440 } },
  },
  "tt:VideoEncoderConfiguration": {
    attributes: { token: `VideoEncoder_${token}` },
    "tt:Name": `VideoEncoder_${token}`,
    "tt:UseCount": 1,
    "tt:Encoding": "H264",
    "tt:Resolution": { "tt:Width": width, "tt:Height": height },
    "tt:Quality": 5,
    "tt:RateControl": { "tt:FrameRateLimit": 20, "tt:EncodingInterval": 1, "tt:BitrateLimit": 4096 },
    "tt:H264": { "tt:GovLength": 40, "tt:H264Profile": "High" },
    "tt:Multicast": {
      "tt:Address": { "tt:Type": "IPv4", "tt:IPv4Address": "0.0.0.0" },
      "tt:Port": 0,
      "tt:TTL": 0,
      "tt:AutoStart": false,
    },
    "tt:SessionTimeout": "PT60S",
  },
});

const service = {
  MediaService: {
    Media: {
      GetProfiles: () => ({ "trt:Profiles": [profile("main", 2560, 1440), profile("sub", 640, 360)] }),
      GetStreamUri: (request) => ({
        "trt:MediaUri": {
          "tt:Uri": `rtsp://127.0.0.1:8554/${request.ProfileToken}`,
          "tt:InvalidAfterConnect": false,
          "tt:InvalidAfterReboot": false,
          "tt:Timeout": "PT0S",
        },
      }),
    },
  },
};

const server = http.createServer((request, response) => response.writeHead(404).end());
server.listen(0, "127.0.0.1", () => {
  soap.listen(server, {
    path: "/onvif/media_service",
    services: service,
    xml: fs.readFileSync(path.join(__dirname, "media.wsdl"), "utf8"),
    forceSoap12Headers: true,
    callback: () => console.log(server.address().port),
  });
});
process.stdin.resume().on("end", () => process.exit(0));
