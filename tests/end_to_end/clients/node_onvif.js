// npm `node-onvif`.
"use strict";
const onvif = require("node-onvif");
const { job, pause, refused, step } = require("./steps.js");

const open = (pass) => new onvif.OnvifDevice({ xaddr: job.xaddr, user: job.username, pass });

async function main() {
  if (job.discover) {
    await step("discover", async () => {
      const found = await onvif.startProbe();
      if (!found.some((one) => one.xaddrs.includes(job.xaddr))) throw new Error(`not among the ${found.length} found`);
      return `${found.length} cameras`;
    });
  }
  const device = open(job.password);
  await step("time", async () => {
    const answer = await device.services.device.getSystemDateAndTime();
    return answer.data.GetSystemDateAndTimeResponse.SystemDateAndTime.DateTimeType;
  });
  await step("login", async () => (await device.init()).SerialNumber);
  await step("wrong", () => refused(open(job.wrong_password).init(), /NotAuthorized|not authori[sz]ed|401/i));
  await step("capabilities", async () => {
    const services = Object.entries(device.services).filter(([, service]) => service);
    if (!device.services.media || !device.services.ptz) throw new Error("no media or no PTZ");
    return services.map(([name]) => name).join(", ");
  });
  await step("profiles", async () => {
    const profiles = device.getProfileList();
    return `${profiles.length}: ${profiles.map((profile) => profile.video.encoder.encoding)}`;
  });
  await step("uris", async () => {
    const stream = device.getUdpStreamUrl();
    return { seen: stream, stream };
  });
  await step("snapshot", async () => {
    const { headers, body } = await device.fetchSnapshot();
    return `${headers["content-type"]}, ${body.length} bytes`;
  });
  await step("ptz", async () => {
    const { pan: x, tilt: y } = job.velocity;
    await device.ptzMove({ speed: { x, y, z: 0 }, timeout: 2 });
    await pause(0.5);
    await device.ptzStop();
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
