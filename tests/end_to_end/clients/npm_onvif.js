// npm `onvif`, whose requests are those of UniFi Protect: 0.6.9, 0.7.4 and 0.8.3 by NODE_PATH.
"use strict";
const { promisify } = require("node:util");
const { Cam, Discovery } = require("onvif");
const { askForMotion, isMotion, job, pause, refused, step } = require("./steps.js");

const connect = (password) =>
  new Promise((resolve, reject) => {
    const { host: hostname, port, username } = job;
    const cam = new Cam({ hostname, port, username, password, timeout: 10000 }, (error) =>
      error ? reject(error) : resolve(cam),
    );
  });

const call = (cam, name, ...parameters) => promisify(cam[name]).call(cam, ...parameters);

// Follows what the camera says of motion, by the loop of PullMessages and Renew that the library runs.
async function followEvents(cam) {
  const told = { true: new Set(), false: new Set() };
  const failures = [];
  cam.on("eventsError", (error) => failures.push(error));
  cam.on("event", ({ topic, message }) => {
    const item = [message.message.data.simpleItem].flat()[0].$;
    if (isMotion(topic._)) told[item.Value].add(topic._);
  });
  const until = async (met, what) => {
    for (let turn = 0; turn < 150; turn++) {
      if (failures.length) throw failures[0];
      if (met()) return;
      await pause(0.1);
    }
    throw new Error(what);
  };
  await until(() => told.false.size === 2, "no state of motion after subscribing");
  for (const active of [true, false]) {
    told[active].clear();
    askForMotion(active);
    await until(() => told[active].size === 2, `motion ${active} was not told by both topics`);
  }
  // Without a listener the library unsubscribes, after the pull that it is in.
  cam.removeAllListeners("event");
  askForMotion(true);
  await until(() => !cam.events.subscription, "it did not unsubscribe");
  return "true and false by both topics, renewed after each pull without wsa:MessageID";
}

async function main() {
  if (job.discover) {
    await step("discover", async () => {
      const found = await promisify(Discovery.probe.bind(Discovery))({ timeout: 2000 });
      const addresses = found.flatMap((cam) => cam.xaddrs.map((one) => one.href));
      if (!addresses.includes(job.xaddr)) throw new Error(`not among ${addresses}`);
      return `${found.length} cameras`;
    });
  }
  let cam = null;
  await step("time", async () => {
    const { host: hostname, port } = job;
    const stranger = new Cam({ hostname, port, autoconnect: false });
    return (await call(stranger, "getSystemDateAndTime")).toISOString().slice(0, 10);
  });
  await step("login", async () => {
    cam = await connect(job.password);
    return String((await call(cam, "getDeviceInformation")).serialNumber);
  });
  await step("wrong", async () => {
    const attempt = connect(job.wrong_password).then((stranger) => call(stranger, "getDeviceInformation"));
    return refused(attempt, /NotAuthorized|not authori[sz]ed|401/i);
  });
  if (!cam) return;
  await step("capabilities", async () => {
    const services = await call(cam, "getServices", true);
    const capabilities = await call(cam, "getCapabilities");
    if (job.media2 && !cam.media2Support) throw new Error("it did not take Media2");
    return `${services.length} services, PTZ ${Boolean(capabilities.PTZ)}`;
  });
  const profileToken = cam.profiles[0]?.$.token;
  await step("profiles", async () => {
    const encoders = cam.profiles.map((profile) => profile.videoEncoderConfiguration);
    const [{ encoding, rateControl }] = encoders;
    if (encoding !== (job.media2 ? "H265" : "H264")) throw new Error(`the main stream is ${encoding}`);
    const how = job.media2 ? " by GetProfiles(Type=All)" : "";
    return `${encoders.length}${how}: ${encoders.map((one) => one.encoding)}, ${rateControl.frameRateLimit} frames/s`;
  });
  await step("uris", async () => {
    const { uri: stream } = await call(cam, "getStreamUri", { protocol: "RTSP", profileToken });
    const { uri: snapshot } = await call(cam, "getSnapshotUri", { profileToken });
    return { seen: stream, stream, snapshot };
  });
  await step("events", () => followEvents(cam));
  await step("ptz", async () => {
    const { pan: x, tilt: y } = job.velocity;
    await call(cam, "continuousMove", { profileToken, x, y });
    await pause(0.5);
    await call(cam, "stop", { profileToken, panTilt: true, zoom: true });
    return "ContinuousMove, Stop";
  });
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
