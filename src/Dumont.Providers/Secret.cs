using System.Diagnostics;

namespace Dumont.Providers;

/// <summary>A credential that must never reach a log, a URL or an exception: it prints as <c>***</c> and serialises to nothing.</summary>
[DebuggerDisplay("***")]
public sealed class Secret
{
    private readonly string _value;

    /// <summary>Wraps a credential; surrounding white space, the usual trace of a paste, is dropped.</summary>
    /// <exception cref="ArgumentException">Empty, or with a control character inside that no header can carry
    /// (line breaks are allowed: a key file has them).</exception>
    public Secret(string value)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(value);
        _value = value.Trim();
        if (_value.Any(c => char.IsControl(c) && c is not ('\n' or '\r' or '\t')))
        {
            throw new ArgumentException("The credential holds control characters.", nameof(value));
        }
    }

    /// <summary>The credential itself, for the one place that sends it.</summary>
    public string Reveal() => _value;

    /// <summary>Always <c>***</c>.</summary>
    public override string ToString() => "***";
}
