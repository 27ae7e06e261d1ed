// One RP2040 with a flash file and the boot-ROM stand-in, reset as often as its watchdog says.
//
// Flash is as NOR: programming only clears bits, an erase sets 4 KB; each costs its time on the machine's clock, and each
// byte is one operation of the power cut that `cut` asks for: the bytes before stand in the file, the process ends.
//
// What rp2040js (1.4.1) lacks and MicroPython needs is mended in `mendUart`; there is no boot ROM in it either.

import fs from 'node:fs';

export const PINS = 30;
const ERASE_BYTES = 4096;
const PAGE_BYTES = 256;
const PAGE_NANOS = 700_000;     // W25Q16JV data sheet, table "AC electrical characteristics": page program 0.7 ms typical
const CUT_EXIT_CODE = 99;       // how a planned power cut ends the process; as of the QEMU board
const BREAK = {erase: 0x10, program: 0x11};
export const FIFO_BYTES = 32;
const TX_LEVEL = 4;             // bytes left when the transmit interrupt comes: an eighth, as the reset value says
const UART_TX = 1 << 5;         // in the interrupt registers
const UART_RX_TIMEOUT = 1 << 6;
const FLAG_BUSY = 1 << 3;       // in UARTFR
const FLAG_TX_FULL = 1 << 5;
const FLAG_TX_EMPTY = 1 << 7;
const WATCHDOG = 0x40058;

export class Machine {
  constructor(library, {romFile, flashFile, eraseMs, cut, say}) {
    this.library = library;
    this.rom = new Uint32Array(4096);
    new Uint8Array(this.rom.buffer).set(fs.readFileSync(romFile));
    this.flashHandle = fs.openSync(flashFile, 'r+');
    this.flash = fs.readFileSync(this.flashHandle);
    this.eraseNanos = eraseMs * 1e6;
    this.cut = cut;             // {from, to, after}: the power goes with the n-th byte between two offsets
    this.say = say;
    this.onStart = () => {};    // a new life: pins, UARTs and USB are to be wired again
    this.powerUp();
  }

  powerUp(before) {
    const simulator = new this.library.Simulator();
    const chip = simulator.rp2040;
    chip.logger = new this.library.ConsoleLogger(this.library.LogLevel.Error, false);
    chip.loadBootrom(this.rom);
    chip.flash.set(this.flash);
    chip.onBreak = code => this.romCall(code);
    chip.uart.forEach(mendUart);
    const watchdog = chip.peripherals[WATCHDOG];
    if (before) {               // a watchdog reset keeps its reason and the scratch registers, nothing else that we need
      watchdog.reason = before.reason;
      watchdog.scratchData.set(before.scratchData);
    }
    watchdog.onWatchdogTrigger = () => { this.resetBy = watchdog; };
    this.resetBy = null;
    this.chip = chip;
    this.clock = simulator.clock;
    chip.core.reset();
    this.onStart();
  }

  // Run for about `count` instructions, or until the clock has reached `limitNanos` while the core sleeps.
  // True when it sleeps and would run ahead of the limit.
  run(count, limitNanos) {
    const {clock, chip: {core}} = this;
    const cycleNanos = 1e9 / this.chip.clkSys;
    while (count-- > 0 && !this.resetBy) {
      if (!core.waiting) {
        clock.tick(core.executeInstruction() * cycleNanos);
      } else if (clock.nanos >= limitNanos) {
        return true;
      } else {
        clock.tick(Math.max(1, Math.min(clock.nanosToNextAlarm || 1000, 100_000, limitNanos - clock.nanos)));
      }
    }
    if (this.resetBy) {
      this.say(`reset by the watchdog, ${this.resetBy.reason === 2 ? 'asked for' : 'not fed'}`);
      this.powerUp(this.resetBy);
    }
    return false;
  }

  romCall(code) {
    const [first, second, third] = Array.from(this.chip.core.registers.slice(0, 3), value => value >>> 0);
    if (code === BREAK.erase) {
      this.write(first, Buffer.alloc(second, 0xff));
      this.clock.tick(second / ERASE_BYTES * this.eraseNanos);
    } else if (code === BREAK.program) {
      const bytes = Buffer.alloc(third);
      for (let at = 0; at < third; at++) bytes[at] = this.flash[first + at] & this.chip.readUint8((second + at) >>> 0);
      this.write(first, bytes);
      this.clock.tick(third / PAGE_BYTES * PAGE_NANOS);
    } else {
      const {PC, LR} = this.chip.core;
      this.say(`stopped by breakpoint ${code} at ${PC.toString(16)}, called from ${(LR >>> 0).toString(16)}`);
      process.exit(1);
    }
  }

  // The file takes the bytes at once, so it is what a real chip would hold when this process is killed.
  write(offset, bytes) {
    if (offset + bytes.length > this.flash.length) throw new Error(`flash ends before ${offset + bytes.length}`);
    const counts = offset >= this.cut.from && offset < this.cut.to;
    const done = counts ? bytes.subarray(0, this.cut.after) : bytes;
    fs.writeSync(this.flashHandle, done, 0, done.length, offset);
    if (counts && bytes.length >= this.cut.after) process.exit(CUT_EXIT_CODE);
    if (counts) this.cut.after -= bytes.length;
    this.flash.set(bytes, offset);
    this.chip.flash.set(bytes, offset);
  }
}

// rp2040js sends a byte in no time and raises the transmit interrupt for ever, which MicroPython answers for ever; it also lacks
// the receive time-out interrupt, which ends what is less than a full FIFO. Here whoever plays the wire says what has left.
function mendUart(uart) {
  const without = FLAG_BUSY | FLAG_TX_FULL | FLAG_TX_EMPTY;
  const theirs = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(uart), 'flags').get;
  const raise = interrupt => {
    uart.interruptStatus |= interrupt;
    uart.checkInterrupts();
  };
  uart.unsent = 0;
  Object.defineProperty(uart, 'flags', {get() {
    const sending = uart.unsent ? FLAG_BUSY | (uart.unsent >= FIFO_BYTES ? FLAG_TX_FULL : 0) : FLAG_TX_EMPTY;
    return theirs.call(uart) & ~without | sending;
  }});
  uart.checkInterrupts = () => uart.rp2040.setInterrupt(uart.irq, !!(uart.interruptStatus & uart.interruptMask));
  uart.byteHasLeft = () => {
    uart.unsent--;
    if (uart.unsent <= TX_LEVEL) raise(UART_TX);
  };
  uart.receiveTimeout = () => raise(UART_RX_TIMEOUT);
}
