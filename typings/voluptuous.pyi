# Home Assistant answers `import voluptuous` with its own engine of the same interface; type checkers must know too.
from probatio import *
