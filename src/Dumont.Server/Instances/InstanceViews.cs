using System.Text.Json;
using Dumont.Contracts;
using Dumont.Server.Agents;
using Dumont.Server.Machines;
using Dumont.Server.Platform;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Instances;

/// <summary>Instances as the API shows them: what is recorded, joined with what the agents measure.</summary>
internal sealed class InstanceViews(
    InstanceStore store, AssociationStore associations, MachineStore machines, InstanceKeyStore keys, AgentHub hub, IOptions<ServerOptions> options)
{
    /// <summary>One instance of the user; null when there is none.</summary>
    public async Task<InstanceResponse?> FindAsync(UserId userId, InstanceId id, CancellationToken cancellationToken)
    {
        if (await store.FindOfUserAsync(userId, id, cancellationToken) is not { } instance)
        {
            return null;
        }

        return ToResponse(
            instance,
            await machines.ListAsync(id, cancellationToken),
            await associations.FindAsync(id, cancellationToken),
            await keys.FindHostPublicKeyAsync(id, cancellationToken));
    }

    /// <summary>The user's instances, oldest first; those in <paramref name="status"/> when it is given.</summary>
    public async Task<IReadOnlyList<InstanceResponse>> ListAsync(UserId userId, string? status, CancellationToken cancellationToken)
    {
        var instances = await store.ListOfUserAsync(userId, cancellationToken);
        var ofInstance = (await machines.ListOfUserAsync(userId, cancellationToken)).ToLookup(machine => machine.InstanceId);
        var paired = (await associations.ListOfUserAsync(userId, cancellationToken)).ToDictionary(association => association.InstanceId);
        var hostKeys = await keys.ListHostPublicKeysAsync(userId, cancellationToken);
        var responses = instances
            .Select(instance => ToResponse(
                instance, ofInstance[instance.Id].ToList(), paired.GetValueOrDefault(instance.Id), hostKeys.GetValueOrDefault(instance.Id)))
            .ToList();
        return status is null ? responses : responses.Where(response => response.Status == status).ToList();
    }

    private InstanceResponse ToResponse(Instance instance, IReadOnlyList<Machine> all, Association? association, string? hostKey)
    {
        var writer = all.FirstOrDefault(machine => machine.Id == instance.WriterMachineId);
        var gpu = writer is { Role: MachineRole.Gpu, IsSpent: false } ? writer
            : all.LastOrDefault(machine => machine is { Role: MachineRole.Gpu, IsSpent: false })
            ?? all.LastOrDefault(machine => machine.Role == MachineRole.Gpu);
        var offer = gpu?.Document.Offer ?? instance.Document.WantedOffer;
        var standby = ToStandby(instance, all, association);
        var metrics = writer is null ? null : hub.Find(writer.Id)?.Report.Metrics;
        var gpuPrice = gpu is { IsSpent: false } ? gpu.Document.UsdPerHour ?? offer.UsdPerHour : offer.UsdPerHour;
        var status = Word(instance.Status);
        return new InstanceResponse
        {
            Id = instance.Id,
            InstanceId = instance.Id,
            Status = status,
            ActualStatus = status,
            StatusMessage = instance.PausesLater ? "It runs until its snapshot is done, and pauses then." : instance.Document.StatusMessage,
            Label = instance.Label,
            Provider = writer?.Provider ?? offer.Provider,
            GpuName = offer.GpuName,
            NumGpus = offer.GpuCount,
            GpuRam = Math.Round(offer.GpuMemoryMiB / 1024, 1),
            CpuCores = offer.CpuCores,
            CpuRam = Math.Round(offer.MemoryMiB / 1024, 1),
            DiskSpace = instance.Document.Spec.DiskGb,
            DphTotal = gpuPrice,
            TotalDph = gpuPrice + (standby?.DphTotal ?? 0),
            PublicIpaddr = writer?.Document.PublicIp,
            SshHost = options.Value.GatewayHost,
            SshPort = instance.GatewayPort,
            SshHostKey = hostKey,
            Image = instance.Document.Spec.Image,
            Geolocation = offer.Geolocation,
            MachineId = offer.HostMachineId,
            CreatedAt = instance.CreatedAt,
            StartDate = instance.Document.StartedAt,
            Generation = instance.Generation,
            GpuUtil = Mean(metrics?.Gpus.Select(each => each.UtilizationPercent)),
            GpuTemp = metrics?.Gpus.Max(each => each.TemperatureCelsius),
            CpuUtil = metrics?.CpuPercent,
            RamUsed = Gigabytes(metrics?.MemoryUsedBytes),
            RamTotal = Gigabytes(metrics?.MemoryTotalBytes),
            CpuStandby = standby,
        };
    }

    private InstanceStandby? ToStandby(Instance instance, IReadOnlyList<Machine> all, Association? association)
    {
        if (association is null or { Released: true })
        {
            return null;
        }

        var machine = all.FirstOrDefault(each => each.Id == association.StandbyMachineId);
        var writer = instance.WriterMachineId is { } id ? hub.Find(id) : null;
        return new InstanceStandby
        {
            Enabled = true,
            Provider = machine?.Provider,
            Name = machine?.ProviderMachineId?.Split('/')[^1],
            Zone = machine?.Document.Offer.Geolocation ?? association.Document.Zone,
            Ip = machine?.Document.PublicIp,
            MachineType = machine?.Document.Offer.Id.Split('/').ElementAtOrDefault(1),
            Status = machine is null ? null : Word(machine.Phase),
            DphTotal = machine is null or { IsSpent: true } ? 0 : machine.Document.UsdPerHour ?? machine.Document.Offer.UsdPerHour,
            SyncEnabled = association.SyncEnabled,
            SyncCount = association.SyncCount,
            RpoSeconds = association.RpoSeconds(instance.WriterMachineId, writer),
            State = Word(association.Document.State),
        };
    }

    /// <summary>An enum member in the API's spelling.</summary>
    public static string Word<T>(T value)
        where T : struct, Enum =>
        JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    private static double? Gigabytes(long? bytes) => bytes is { } known ? Math.Round(known / 1073741824.0, 2) : null;

    private static double? Mean(IEnumerable<double?>? values)
    {
        var known = values?.OfType<double>().ToList();
        return known is { Count: > 0 } ? Math.Round(known.Average(), 1) : null;
    }
}
