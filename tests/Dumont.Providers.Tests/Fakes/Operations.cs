namespace Dumont.Providers.Tests.Fakes;

/// <summary>Calls each operation of the seam by name and says what it meant, so that one table of faults serves all.</summary>
public static class Operations
{
    public const string Key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me@here";

    /// <summary>Every operation that talks to a provider.</summary>
    public static string[] All { get; } = ["search", "balance", "get", "list", "create", "start", "stop", "destroy"];

    /// <summary>A request that is right in every field.</summary>
    public static CreateMachineRequest Request(string offerId = "100") => new()
    {
        OfferId = offerId,
        Tag = "dumont/srv/12/3",
        Image = "dumont/base:1",
        DiskGb = 20,
        AuthorizedKeys = [Key],
    };

    /// <summary>Runs one operation.</summary>
    public static async Task<Outcome> RunAsync(IComputeProvider provider, string operation, string machineId, string offerId)
    {
        var cancel = TestContext.Current.CancellationToken;
        try
        {
            object? result = operation switch
            {
                "search" => await provider.SearchOffersAsync(new OfferQuery(), cancel),
                "balance" => await provider.GetBalanceAsync(cancel),
                "get" => await provider.GetAsync(machineId, cancel),
                "list" => await provider.ListAsync(cancel),
                "create" => await provider.CreateAsync(Request(offerId), cancel),
                "start" => await provider.StartAsync(machineId, cancel),
                "stop" => await provider.StopAsync(machineId, cancel),
                "destroy" => await provider.DestroyAsync(machineId, cancel),
                _ => throw new ArgumentOutOfRangeException(nameof(operation)),
            };
            return Outcome.Of(result);
        }
        catch (ProviderException e)
        {
            return new Outcome("Threw", e.Kind, $"{e} {e.Detail}");
        }
    }

    /// <summary>What a fault must come out as.</summary>
    public static (string Ending, ProviderErrorKind? Kind) Expected(string operation, Fault fault) => operation switch
    {
        "search" or "balance" => ("Threw", fault.Kind),
        "get" or "list" => ("Unknown", fault.Kind),
        "create" when fault is { Refused: true, Kind: ProviderErrorKind.InsufficientCredit } => ("InsufficientCredit", null),
        "create" => fault.Refused ? ("Rejected", fault.Kind) : ("Unknown", null),

        // What passes by itself is no refusal of an effect that is safe to repeat.
        _ => fault is { Refused: true, Kind: not (ProviderErrorKind.RateLimited or ProviderErrorKind.Transient) }
            ? ("Rejected", fault.Kind)
            : ("Unknown", fault.Kind),
    };
}

/// <summary>How an operation ended.</summary>
/// <param name="Ending">Name of the result's type, or <c>Threw</c>.</param>
/// <param name="Kind">What the failure means, where the result tells.</param>
/// <param name="Text">Everything that could reach a log.</param>
public sealed record Outcome(string Ending, ProviderErrorKind? Kind, string Text)
{
    public static Outcome Of(object? result) => new(
        result?.GetType().Name ?? "null",
        result switch
        {
            MachineReading.Unknown unknown => unknown.Kind,
            MachineListing.Unknown unknown => unknown.Kind,
            EffectResult.Unknown unknown => unknown.Kind,
            EffectResult.Rejected rejected => rejected.Kind,
            CreateResult.Rejected rejected => rejected.Kind,
            _ => null,
        },
        result?.ToString() ?? "");
}
