// npm `onvif-nvt`.
"use strict";
const manager = require("onvif-nvt");
const { askForMotion, isMotion, job, pause, refused, step } = require("./steps.js");

const Camera = require("onvif-nvt/dist/camera");

const connect = async (password) => {
  const camera = new Camera();
  await camera.connect(job.host, job.port, job.username, password);
  return camera;
};

// Subscribes once and pulls until motion, and then its end, is told by both topics.
async function followEvents(events) {
  const created = (await events.createPullPointSubscription()).data.CreatePullPointSubscriptionResponse;
  const subscription = { Address: created.SubscriptionReference.Address };
  for (const active of [true, false]) {
    const told = new Set();
    askForMotion(active);
    for (let turn = 0; told.size < 2; turn++) {
      if (turn === 20) throw new Error(`motion ${active} was not told by both topics`);
      const { PullMessagesResponse: pulled } = (await events.pullMessages(subscription, "PT5S", 100)).data;
      for (const { Topic, Message } of [pulled.NotificationMessage ?? []].flat()) {
        const [item] = [Message.Message.Data.SimpleItem].flat();
        if (isMotion(Topic._) && item.$.Value === String(active)) told.add(Topic._);
      }
    }
  }
  return "true and false by both topics";
}

async function main() {
  if (job.discover) {
    await step("discover", async () => {
      manager.add("discovery");
      const found = await manager.discovery.startProbe();
      if (!found.some((one) => one.xaddrs.includes(job.xaddr))) throw new Error(`not among the ${found.length} found`);
      return `${found.length} cameras`;
    });
  }
  let camera = null;
  await step("login", async () => {
    camera = await connect(job.password);
    return camera.getInformation().SerialNumber;
  });
  await step("wrong", () => refused(connect(job.wrong_password), /NotAuthorized|not authori[sz]ed|401/i));
  if (!camera) return;
  await step("time", async () => {
    const answer = await camera.core.getSystemDateAndTime();
    return answer.data.GetSystemDateAndTimeResponse.SystemDateAndTime.DateTimeType;
  });
  await step("capabilities", async () => {
    const { Capabilities: all } = (await camera.core.getCapabilities()).data.GetCapabilitiesResponse;
    return Object.keys(all).join(", ");
  });
  await step("profiles", async () => {
    const encodings = camera.profileList.map((profile) => profile.VideoEncoderConfiguration.Encoding);
    return `${encodings.length}: ${encodings}`;
  });
  await step("uris", async () => {
    const { Uri: stream } = camera.getDefaultProfile().StreamUri;
    return { seen: stream, stream };
  });
  await step("snapshot", async () => {
    camera.add("snapshot");
    const { mimeType, image } = await camera.snapshot.getSnapshot();
    if (image[0] !== 0xff || image[1] !== 0xd8) throw new Error("no JPEG");
    return `${mimeType}, ${image.length} bytes`;
  });
  await step("events", () => followEvents(camera.events));
  await step("ptz", async () => {
    const { pan: x, tilt: y } = job.velocity;
    await camera.ptz.continuousMove(null, { x, y, z: 0 }, 2);
    await pause(0.5);
    await camera.ptz.stop(null, true, true);
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
