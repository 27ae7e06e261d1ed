"""What runs on the board while flash.py works on it: a few lines of MicroPython, sent into the raw REPL.

How a part of the flash is opened on each platform stands here and nowhere else. Every device has the block protocol of
MicroPython's documentation (readblocks, writeblocks with an offset = without an erase, ioctl 5 block size, ioctl 6 erase).

Trap avoided: what is read back decides, not what the driver returned: each block and each file is hashed from the medium.
"""

from host_tools.flash.board_folder import Board, Part
from host_tools.flash.partition_table import OURS

# A runtime that we build brings a module `board`; stock ones have their own names for flash.
DEVICES = {
    "qemu": "import board\n_d=board.Flash({offset},{size})",
    "rp2": "import board\n_d=board.Flash({offset},{size})",
    "esp32": "from esp32 import Partition\n_d=Partition.find(Partition.TYPE_DATA,label={label!r})[0]",
    "stm32": "import pyb\n_d=pyb.Flash(start={offset},len={size})",
}

FIRST = r"""
import os,gc,sys,hashlib,binascii
try:
 import deflate,io
except ImportError:
 deflate=None
def _h(b):
 return binascii.hexlify(hashlib.sha256(b).digest()).decode()
def _u(t,z):
 d=binascii.a2b_base64(t)
 return deflate.DeflateIO(io.BytesIO(d),deflate.RAW,12).read() if z else d
def _fh(p):
 g=hashlib.sha256()
 n=0
 with open(p,'rb') as f:
  while 1:
   b=f.read(512)
   if not b:
    return n,binascii.hexlify(g.digest()).decode()
   n+=len(b)
   g.update(b)
def _walk(p):
 for e in os.ilistdir(p):
  q=p+e[0]
  if e[1]==0x4000:
   _walk(q+'/')
  else:
   print(repr((q,)+_fh(q)))
def _md(p):
 at=p.find('/',1)
 while at>0:
  try:
   os.mkdir(p[:at])
  except OSError as e:
   if e.args[0]!=17:
    raise
  at=p.find('/',at+1)
def _rm(p):
 try:
  if os.stat(p)[0]&0x4000:
   for e in list(os.ilistdir(p)):
    _rm(p+'/'+e[0])
   os.rmdir(p)
  else:
   os.remove(p)
 except OSError as e:
  if e.args[0]!=2:
   raise
def _mounted():
 try:
  os.stat('/no such file')
 except OSError as e:
  return e.args[0]==2
"""

BLOCKS = r"""
{device}
_n={block}
if _d.ioctl(5,0)!=_n: raise OSError(22)
_b=bytearray(_n)
_e=b'\xff'*_n
def _list(a,e):
 for n in range(a,e):
  _d.readblocks(n,_b)
  print('-' if _b==_e else _h(_b)[:16])
def _put(n,t,z):
 v=_u(t,z)
 if _d.ioctl(6,n): raise OSError(5)
 if v: _d.writeblocks(n,v,0)
 _d.readblocks(n,_b)
 print(_h(_b)[:16])
def _get(n):
 _d.readblocks(n,_b)
 print(binascii.b2a_base64(bytes(_b).rstrip(b'\xff')).decode(),end='')
def _sha(length):
 g=hashlib.sha256()
 n=0
 while length>0:
  _d.readblocks(n,_b)
  g.update(memoryview(_b)[:min(length,_n)])
  length-=_n
  n+=1
 print(binascii.hexlify(g.digest()).decode())
gc.collect()
"""


def open_part(board: Board, part: Part) -> str:
    """Code that makes `_d` the device of this part, with the functions on it."""
    label = OURS.get(part.name, (part.name,))[0]
    device = DEVICES[board.platform].format(offset=part.offset, size=part.size, label=label)
    return BLOCKS.format(device=device, block=board.erase_size)


IDENTITY = """
import sys,os
def _w():
 try:
  import wiring
  return wiring.NAME,wiring.FLASH
 except ImportError:
  return None,None
_i=sys.implementation
print(repr((sys.platform,tuple(_i.version)[:3],getattr(_i,'_mpy',0),getattr(_i,'_machine',''))+_w()))
"""
