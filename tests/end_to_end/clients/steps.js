// How a client's program and scripts/interop talk, in JavaScript: see steps.py.
"use strict";
const { readFileSync, writeSync } = require("node:fs");

// Standard output is for the steps; some libraries print there, too.
console.log = console.error;

const print = (said) => writeSync(1, JSON.stringify(said) + "\n");

const job = JSON.parse(readFileSync(0, "utf8").split("\n")[0]);

// Returns the words of what was thrown: some libraries throw strings, or the whole answer.
const textOf = (thrown) => String(thrown.message ?? thrown.body ?? thrown);

// Does a step; the function returns what it saw as text, or an object with `seen` and more.
async function step(name, does) {
  try {
    const result = await does();
    print({ step: name, ok: true, ...(typeof result === "string" ? { seen: result } : result) });
  } catch (error) {
    print({ step: name, ok: false, seen: textOf(error) });
  }
}

const askForMotion = (active) => print({ ask: "motion", active });

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

// Expects a promise to fail with a text of a kind; returns that text.
async function refused(promise, pattern) {
  try {
    await promise;
  } catch (error) {
    const text = textOf(error);
    if (!pattern.test(text)) throw new Error(`refused otherwise: ${text}`);
    return text;
  }
  throw new Error("not refused");
}

const isMotion = (topic) => /VideoSource\/MotionAlarm|CellMotionDetector\/Motion/.test(topic);

module.exports = { askForMotion, isMotion, job, pause, refused, step };
