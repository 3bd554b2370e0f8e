// Adopts one camera as the npm package `onvif` does it, and prints what it saw as one JSON line.
// usage: node client.js HOST PORT, with user and password on two lines of standard input
"use strict";
const { readFileSync } = require("node:fs");
const { promisify } = require("node:util");
const { Cam } = require("onvif");

async function main() {
  const [hostname, port] = process.argv.slice(2);
  const [username, password] = readFileSync(0, "utf8").split("\n");
  const cam = await new Promise((resolve, reject) => {
    const made = new Cam({ hostname, port: Number(port), username, password, timeout: 10000 }, (error) =>
      error ? reject(error) : resolve(made),
    );
  });
  const call = (name, ...parameters) => promisify(cam[name]).call(cam, ...parameters);
  const information = await call("getDeviceInformation");
  const interfaces = await call("getNetworkInterfaces");
  const sources = await call("getVideoSources");
  const profiles = [];
  for (const profile of cam.profiles) {
    const profileToken = profile.$.token;
    const stream = await call("getStreamUri", { protocol: "RTSP", stream: "RTP-Unicast", profileToken });
    const snapshot = await call("getSnapshotUri", { profileToken });
    const video = profile.videoEncoderConfiguration;
    profiles.push({
      token: profileToken,
      codec: video.encoding,
      width: video.resolution.width,
      height: video.resolution.height,
      frameRate: video.rateControl.frameRateLimit,
      stream: stream.uri,
      snapshot: snapshot.uri,
    });
  }
  const one = (value) => (Array.isArray(value) ? value[0] : value);
  const hardware = one(interfaces.networkInterfaces ?? interfaces);
  return {
    serialNumber: String(information.serialNumber),
    mac: hardware.info.hwAddress,
    source: one(sources).$?.token ?? one(sources).videoSourceToken ?? null,
    profiles,
  };
}

main().then(
  (seen) => console.log(JSON.stringify(seen)),
  (error) => {
    console.error(String(error.message ?? error));
    process.exit(1);
  },
);
