using Dumont.Contracts;
using Dumont.Market.Regions;
using Dumont.Providers.Ssh;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Web;

namespace Dumont.Server.Migration;

/// <summary>What a request to move must satisfy, and what it means with the defaults filled in. Pure; each refusal names the field and the remedy.</summary>
internal static class MigrationRules
{
    private const decimal DefaultMaxPrice = 2;

    /// <summary>Who names an offer has seen its price.</summary>
    private const decimal MaxPriceMax = 1000;

    private const int OfferIdLength = 100;
    private const double BytesPerGb = 1e9;

    /// <summary>The providers that one can move to.</summary>
    private static readonly string[] Providers = [MachinePlacement.GpuProvider, MachinePlacement.CpuProvider, SshProvider.ProviderName];

    /// <summary>Everything wrong with <paramref name="request"/>.</summary>
    public static IReadOnlyList<FieldError> Check(MigrateRequest request)
    {
        var errors = new List<FieldError>();
        if (request.TargetType is null)
        {
            errors.Add(new FieldError("target_type", "Is required: gpu or cpu.", "missing"));
        }
        else if (request.TargetType is not ("gpu" or "cpu"))
        {
            errors.Add(new FieldError("target_type", "Must be gpu or cpu."));
        }

        if (request.TargetType == "gpu" && request is { GpuName: null, TargetGpu: null, TargetOfferId: null })
        {
            errors.Add(new FieldError("gpu_name", "Is required with target_type=gpu: a GPU such as rtx4090; or name an offer with target_offer_id.", "missing"));
        }

        if ((request.GpuName ?? request.TargetGpu) is { } gpu && (gpu.Trim().Length is 0 or > 64 || gpu.Any(char.IsControl)))
        {
            errors.Add(new FieldError("gpu_name", "Must be a GPU such as rtx4090, at most 64 characters."));
        }

        if (request.MaxPrice is { } price && price is not (>= 0.001m and <= MaxPriceMax))
        {
            errors.Add(new FieldError("max_price", "Must be from 0.001 to 1000."));
        }

        if (request.DiskSize is { } disk && disk is not (>= 10 and <= 10_000))
        {
            errors.Add(new FieldError("disk_size", "Must be from 10 to 10000."));
        }

        if (RegionOf(request) is { } region && region.ToUpperInvariant() is not ("US" or "EU" or "ASIA"))
        {
            errors.Add(new FieldError("region", "Must be US, EU or ASIA."));
        }

        if (request.TargetProvider is { } provider && !Providers.Contains(provider))
        {
            errors.Add(new FieldError("target_provider", "Must be vast, gcp or ssh."));
        }

        if (request.Strategy is { } strategy && strategy != "cheapest")
        {
            errors.Add(new FieldError("strategy", "Must be cheapest."));
        }

        if (request.TargetOfferId is { } offer && (offer.Length is 0 or > OfferIdLength || offer.Any(letter => !char.IsAsciiLetterOrDigit(letter) && letter is not ('-' or '/'))))
        {
            errors.Add(new FieldError("target_offer_id", "Must be an id from: dumont instance offers."));
        }

        return errors.Count > 0 ? errors : [.. new[] { CheckTogether(request) }.OfType<FieldError>()];
    }

    /// <summary>Fields that are right and do not go together, whatever is on offer.</summary>
    private static FieldError? CheckTogether(MigrateRequest request)
    {
        var provider = request.TargetOfferId is { } offer ? ProviderOf(offer) : request.TargetProvider;
        return request.TargetProvider is { } said && provider != said
                ? new FieldError("target_provider", "The offer that is named is another provider's. Leave target_provider out, or name another offer.")
            : request.TargetType == "gpu" && provider == MachinePlacement.CpuProvider
                ? new FieldError(FieldOf(request), "Google Cloud machines here have no GPU. Use target_type=cpu, or vast or ssh.")
            : request.TargetType == "cpu" && provider == MachinePlacement.GpuProvider
                ? new FieldError(FieldOf(request), "Vast.ai machines all have GPUs. Use target_type=gpu, or gcp or ssh.")
            : null;

        static string FieldOf(MigrateRequest request) => request.TargetOfferId is null ? "target_provider" : "target_offer_id";
    }

    /// <summary>What is asked for, with the defaults.</summary>
    /// <param name="request">A request without errors.</param>
    /// <param name="diskGb">The instance's disk.</param>
    /// <param name="workspaceBytes">Size of the workspace; null when unknown.</param>
    public static MigrationGoal GoalOf(MigrateRequest request, double diskGb, long? workspaceBytes) =>
        new(
            request.TargetType == "gpu",
            request.TargetType == "gpu" ? (request.GpuName ?? request.TargetGpu)?.Trim() : null,
            request.MaxPrice ?? (request.TargetOfferId is null ? DefaultMaxPrice : MaxPriceMax),
            RegionOf(request)?.ToUpperInvariant(),
            request.DiskSize ?? Math.Max(diskGb, NeededGb(workspaceBytes ?? 0)),
            request.AutoDestroySource == false,
            request.TargetOfferId,
            request.TargetProvider ?? (request.TargetOfferId is { } offer ? ProviderOf(offer) : null));

    /// <summary>The disk that a workspace of that size needs, GB: itself and room to work, and what the system of a whole machine takes.</summary>
    public static double NeededGb(long workspaceBytes) => Math.Ceiling((workspaceBytes / BytesPerGb * 1.1) + 5);

    /// <summary>Why a disk of that size will not do; null when it will.</summary>
    public static FieldError? CheckDisk(double diskGb, long? workspaceBytes) =>
        workspaceBytes is { } bytes && diskGb < NeededGb(bytes)
            ? new FieldError(
                "disk_size",
                FormattableString.Invariant($"Is too small: the workspace holds {bytes / BytesPerGb:0.0} GB. Use at least disk_size={NeededGb(bytes):0}."))
            : null;

    /// <summary>The group of countries; null for anywhere.</summary>
    public static RegionGroup? GroupOf(MigrationGoal goal) => RegionMap.TryParseGroup(goal.Region, out var group) ? group : null;

    private static string? RegionOf(MigrateRequest request) => request.Region ?? request.TargetRegion;

    private static string ProviderOf(string offerId) =>
        offerId.Contains('/') ? MachinePlacement.CpuProvider : SshOffers.OwnMachineOf(offerId) is null ? MachinePlacement.GpuProvider : SshProvider.ProviderName;
}
