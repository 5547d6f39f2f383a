using Dumont.Contracts;
using Dumont.Market.Regions;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Web;
using Dumont.Server.Snapshots;

namespace Dumont.Server.Recovery;

/// <summary>What a request to recover must satisfy. Pure; each refusal names the field and the remedy.</summary>
internal static class RecoveryRules
{
    /// <summary>Everything wrong with <paramref name="request"/>.</summary>
    public static IReadOnlyList<FieldError> Check(RecoverInstanceRequest request)
    {
        var errors = new List<FieldError>();
        if ((request.SnapshotId ?? request.Snapshot) is { } snapshot && SnapshotNumber.TryParse(snapshot) is null)
        {
            errors.Add(new FieldError("snapshot_id", "Must be a snapshot such as snap-12. List them: dumont snapshot list"));
        }

        if (request.MaxPrice is { } price && price is not (>= 0.001m and <= 1000))
        {
            errors.Add(new FieldError("max_price", "Must be from 0.001 to 1000."));
        }

        if (request.GpuName is { } gpu && (gpu.Trim().Length is 0 or > 64 || gpu.Any(char.IsControl)))
        {
            errors.Add(new FieldError("gpu_name", "Must be a GPU such as rtx4090, at most 64 characters."));
        }

        if (request.Region is { } region && !RegionMap.TryParseGroup(region, out _))
        {
            errors.Add(new FieldError("region", "Must be US, EU or ASIA."));
        }

        if (request.Reason is { Length: > 64 } || request.Reason?.Any(char.IsControl) == true)
        {
            errors.Add(new FieldError("reason", "Must be at most 64 characters without control characters."));
        }

        return errors;
    }

    /// <summary>What the new machine must be.</summary>
    public static RecoveryGoal GoalOf(RecoverInstanceRequest request) => new(request.GpuName?.Trim(), request.MaxPrice, request.Region?.Trim().ToUpperInvariant());
}
