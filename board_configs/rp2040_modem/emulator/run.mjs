// The rp2040_modem board under rp2040js. The flash file is the whole chip's; kill this process to cut the power.
//
//   node run.mjs --library FOLDER --rom FILE --flash FILE --driver-pin N [--console PATH] [--line PATH] [--modem PATH]
//                [--erase-ms N] [--cut-after N [--cut-from OFFSET --cut-to OFFSET]]
//
// `--library` is the folder with node_modules; the paths are terminals that somebody else owns. Exit code 99: the cut after
// the n-th flash byte (between two offsets). Each line on standard input is answered with the time on the machine's clock and on ours, and with the
// bytes that the transceiver swallowed.

import {createRequire} from 'node:module';
import path from 'node:path';
import {parseArgs} from 'node:util';
import {Machine} from './machine.mjs';
import {Terminal, UartPort, UsbConsole} from './ports.mjs';

const STEP = 500;               // instructions between two looks at the ports
const SLICE_MS = 4;             // then the event loop moves the terminals' bytes
const BEHIND_NANOS_MAX = 5e6;   // a machine that lags does not catch up: its peers live on our clock

const say = sentence => process.stderr.write(`rp2040: ${sentence}\n`);
const text = {type: 'string'};
const {values: given} = parseArgs({options: {
  library: text, rom: text, flash: text, 'driver-pin': text, console: text, line: text, modem: text,
  'erase-ms': {...text, default: '45'},
  'cut-after': {...text, default: 'Infinity'}, 'cut-from': {...text, default: '0'}, 'cut-to': {...text, default: 'Infinity'},
}});
const library = createRequire(path.resolve(given.library, 'package.json'))('rp2040js');

const machine = new Machine(library, {
  romFile: given.rom, flashFile: given.flash, eraseMs: Number(given['erase-ms']),
  cut: {after: Number(given['cut-after']), from: Number(given['cut-from']), to: Number(given['cut-to'])}, say,
});
const driverPin = Number(given['driver-pin']);
const line = new UartPort(new Terminal(given.line), () => machine.chip.gpio[driverPin].value === library.GPIOPinState.High);
const modem = new UartPort(new Terminal(given.modem));
const usb = new UsbConsole(library, new Terminal(given.console));
machine.onStart = () => {
  line.wire(machine, 0);
  modem.wire(machine, 1);
  usb.wire(machine);
};
machine.onStart();

const began = performance.now();
let anchor = {real: began, virtual: machine.clock.nanos};

// Virtual time never runs ahead of ours and, when it lags, does not try to catch up.
function slice() {
  const {clock} = machine;
  const start = performance.now();
  let now = start;
  let sleeps = false;
  while (!sleeps && now - start < SLICE_MS && machine.clock === clock) {
    for (const port of [line, modem, usb]) port.move();
    sleeps = machine.run(STEP, anchor.virtual + (now - anchor.real) * 1e6);
    now = performance.now();
  }
  if (machine.clock !== clock) anchor = {real: now, virtual: 0};
  else if (anchor.virtual + (now - anchor.real) * 1e6 - clock.nanos > BEHIND_NANOS_MAX) anchor = {real: now, virtual: clock.nanos};
  if (sleeps) setTimeout(slice, 1);
  else setImmediate(slice);
}

process.stdin.on('data', () => say(JSON.stringify({
  machine_ms: Math.round(machine.clock.nanos / 1e6), ours_ms: Math.round(performance.now() - began),
  cpu_ms: Math.round(process.cpuUsage().user / 1e3), line_lost: line.lostBytes,
})));
slice();
