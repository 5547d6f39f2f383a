using System.Text.Json.Nodes;

namespace Dumont.LocalCloud.Faults;

/// <summary>What faults do to machines, whoever rents them out. The providers stand above the faults and are reached through this.</summary>
internal interface IMachineEvents
{
    /// <summary>The machine that a fault of this kind would strike, or null where none can be: the one named, else the first that qualifies.</summary>
    /// <param name="kind">Of <see cref="FaultStage.Machine"/>.</param>
    /// <param name="provider"><c>vast</c> or <c>gcp</c>.</param>
    /// <param name="name">Id, name or label; null for any.</param>
    string? Find(FaultKind kind, string provider, string? name);

    /// <summary>Lets it happen. What needs a machine that is up happens as soon as it is.</summary>
    /// <param name="fault">What.</param>
    /// <param name="provider">Whose.</param>
    /// <param name="machine">As found.</param>
    /// <param name="cancellationToken">The caller gave up.</param>
    Task StrikeAsync(Fault fault, string provider, string machine, CancellationToken cancellationToken);

    /// <summary>Every machine as its provider lists it.</summary>
    IEnumerable<(string Provider, JsonObject Item)> Describe(HttpRequest request);
}
