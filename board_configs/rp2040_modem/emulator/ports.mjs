// What is outside the chip: a terminal (a pty's end, by path) on each UART and on USB.
//
// Bytes leave and reach a UART at its baud rate on the machine's clock. The RS-485 transceiver is real in what matters: it drives
// the line only while its pin is high and hears nothing then, so a firmware that switches at the wrong time is deaf or dumb.
//
// Trap avoided: this machine is slower than the host on which the meters live. An answer that took a meter 20 ms may be here
// 3 ms after the request on the machine's clock, when no real meter answers yet; it is held back until one could.

import fs from 'node:fs';
import tty from 'node:tty';
import {FIFO_BYTES} from './machine.mjs';

const BITS_A_BYTE = 11;         // with parity; a byte without is a little late
const ANSWER_NANOS = 20e6;      // DL/T 645: a meter answers 20 to 500 ms after the request
const USB_PACKET_BYTES = 64;

// A terminal that somebody else owns; with no path, nothing comes and what is sent is lost.
export class Terminal {
  constructor(path) {
    this.queue = [];
    if (!path) return;
    const handle = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_NOCTTY);
    const input = new tty.ReadStream(handle);
    input.setRawMode(true);
    input.on('data', bytes => this.queue.push(...bytes));
    input.on('error', () => {}); // EIO: its owner went away, as a cable does
    this.output = new tty.WriteStream(handle);
    this.output.on('error', () => {});
  }

  send(bytes) {
    this.output?.write(Buffer.from(bytes));
  }
}

// A UART of the chip at a terminal; `drives` tells whether a transceiver sends now (undefined: two-way, as a modem).
export class UartPort {
  constructor(terminal, drives) {
    this.terminal = terminal;
    this.drives = drives;
    this.lostBytes = 0;         // sent while the transceiver listened, or heard while it drove
  }

  wire(machine, number) {
    this.clock = machine.clock;
    this.uart = machine.chip.uart[number];
    this.sending = [];          // [machine time of its last bit, byte]
    this.sentNanos = 0;
    this.heardNanos = 0;
    this.waitsForEnd = false;
    this.uart.onByte = byte => {
      this.uart.unsent++;
      this.sentNanos = Math.max(this.sentNanos, this.clock.nanos) + this.byteNanos();
      this.sending.push([this.sentNanos, byte]);
    };
  }

  byteNanos() {
    return this.uart.baudDivider ? BITS_A_BYTE * 1e9 / this.uart.baudRate : 0;
  }

  move() {
    const {clock: {nanos}} = this;
    while (this.sending.length && this.sending[0][0] <= nanos) this.sent(this.sending.shift()[1]);
    if (nanos < this.heardNanos) return;
    if (this.terminal.queue.length) {
      const answers = !this.drives || (!this.sending.length && nanos >= this.sentNanos + ANSWER_NANOS);
      if (answers && this.uart.rxFIFO.itemCount < FIFO_BYTES) this.hear(this.terminal.queue.shift());
    } else if (this.waitsForEnd) {
      this.waitsForEnd = false;
      this.uart.receiveTimeout();
    }
  }

  sent(byte) {
    this.uart.byteHasLeft();
    if (this.drives && !this.drives()) this.lostBytes++;
    else this.terminal.send([byte]);
  }

  hear(byte) {
    this.heardNanos = this.clock.nanos + this.byteNanos();
    if (this.drives?.()) {
      this.lostBytes++;
    } else {
      this.uart.feedByte(byte);
      this.waitsForEnd = true;
    }
  }
}

// The console: the USB serial port that MicroPython offers, and the host that opens it.
export class UsbConsole {
  constructor(library, terminal) {
    this.library = library;
    this.terminal = terminal;
    this.queue = terminal.queue;
  }

  wire(machine) {
    const usb = machine.chip.usbCtrl;
    const host = new this.library.USBCDC(usb);
    this.reading = null;
    host.onSerialData = bytes => this.terminal.send(bytes);
    // rp2040js would answer each read at once, also with nothing, a hundred thousand times a second: answer when there is something
    usb.onEndpointRead = (endpoint, size) => {
      if (endpoint === host.outEndpoint) this.reading = {usb, endpoint, size};
    };
  }

  move() {
    if (!this.reading || !this.queue.length) return;
    const {usb, endpoint, size} = this.reading;
    this.reading = null;
    usb.endpointReadDone(endpoint, Uint8Array.from(this.queue.splice(0, Math.min(size, USB_PACKET_BYTES))));
  }
}
