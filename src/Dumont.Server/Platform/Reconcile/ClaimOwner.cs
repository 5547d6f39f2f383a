using System.Globalization;

namespace Dumont.Server.Platform.Reconcile;

/// <summary>A process that claims work: <c>computer:process id</c>.</summary>
internal readonly record struct ClaimOwner(string Computer, int ProcessId)
{
    public static ClaimOwner OfThisProcess() => new(Environment.MachineName, Environment.ProcessId);

    /// <summary>Null for a text in another form.</summary>
    public static ClaimOwner? TryParse(string text) =>
        text.LastIndexOf(':') is > 0 and var colon && int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            ? new ClaimOwner(text[..colon], id)
            : null;

    /// <summary>Whether it has surely ended, as seen by <paramref name="self"/>, which has claimed nothing yet. Of another computer nothing is known.
    /// A claim with our own id was made by a process that bore it before us, as the first process of a container does at each start.</summary>
    public bool IsDead(ClaimOwner self) => Computer == self.Computer && (ProcessId == self.ProcessId || !Directory.Exists($"/proc/{ProcessId}"));

    /// <inheritdoc />
    public override string ToString() => $"{Computer}:{ProcessId}";
}
