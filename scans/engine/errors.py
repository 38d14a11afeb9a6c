"""The engine's error tree.

EngineError
├── LayerError            a layer's bytes could not be read to the end
│   ├── LayerCorrupt      broken gzip/zstd stream, broken tar header, truncated
│   ├── LayerUnsupported  a compression or layer form that is not read
│   └── LimitExceeded     one of `Limits` was hit
├── CatalogError          a package database was recognised and could not be parsed
├── AnalysisUnreadable    a stored layer analysis is damaged or of another form: read the layer again
└── AdvisoryError         an advisory record is not what the OSV schema allows
"""


class EngineError(Exception):
    """Base of all. `code` is stable and machine-readable; the message says what happened and what to do."""

    code = "engine_error"
    permanent = True

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class LayerError(EngineError):
    code = "layer_unreadable"


class LayerCorrupt(LayerError):
    code = "layer_corrupt"


class LayerUnsupported(LayerError):
    code = "layer_unsupported"


class LimitExceeded(LayerError):
    code = "limit_exceeded"


class CatalogError(EngineError):
    code = "database_unreadable"


class AnalysisUnreadable(EngineError):
    code = "analysis_unreadable"


class AdvisoryError(EngineError):
    code = "advisory_invalid"
