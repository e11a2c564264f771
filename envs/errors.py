"""The errors of this package. Every refusal names the value, where it stands and the remedy."""


class SpectrumError(ValueError):
    """Spectrum asked for that is taken, not there, or on a failed link."""


class PlantError(ValueError):
    """A plant that cannot be built from what was asked for."""


class TrafficError(ValueError):
    """A description of traffic that makes no sense."""


class PolicyError(ValueError):
    """An unknown policy, or one that does not fit the observation it is given."""


class ActionError(ValueError):
    """Actions, or arrays to observe into, of another shape or kind than the networks need."""
