using System.Diagnostics;
using System.Globalization;
using Dumont.Contracts;
using Dumont.Providers.Ssh;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Dumont.Server.OwnMachines;

/// <summary>HTTP of own machines.</summary>
internal static class OwnMachineEndpoints
{
    /// <summary>Maps the routes.</summary>
    public static void Map(RouteGroupBuilder routes)
    {
        var machines = routes.MapGroup("/own-machines").WithTags("own-machines");
        machines.MapGet("", ListAsync).RequireScope(Scopes.SettingsRead).WithSummary("List one's own machines");
        machines.MapPost("", AddAsync).RequireScope(Scopes.SettingsWrite).WithSummary("Join a machine of one's own");
        machines.MapGet("/key", KeyAsync).RequireScope(Scopes.SettingsRead).WithSummary("The public key to install on one's own machines");
        machines.MapGet("/{id:long}", GetAsync).RequireScope(Scopes.SettingsRead).WithSummary("Show an own machine");
        machines.MapPost("/{id:long}/check", CheckAsync).RequireScope(Scopes.SettingsWrite).WithSummary("Measure an own machine now");
        machines.MapDelete("/{id:long}", RemoveAsync).RequireScope(Scopes.SettingsWrite).WithSummary("Remove an own machine");
    }

    private static async Task<Ok<OwnMachineListResponse>> ListAsync(Caller caller, OwnMachineStore store, CancellationToken cancellationToken)
    {
        var machines = await store.ListOfUserAsync(caller.UserId, cancellationToken);
        return TypedResults.Ok(new OwnMachineListResponse([.. machines.Select(ToResponse)], machines.Count));
    }

    private static async Task<Ok<OwnMachineKeyResponse>> KeyAsync(Caller caller, OwnMachineAccess access, CancellationToken cancellationToken)
    {
        var key = (await access.EnsureKeyAsync(caller.UserId, cancellationToken)).PublicKey;
        return TypedResults.Ok(new OwnMachineKeyResponse(key, OwnMachineRules.FingerprintOf(key)));
    }

    private static async Task<Results<Ok<OwnMachineResponse>, Problem>> GetAsync(
        long id, Caller caller, OwnMachineStore store, CancellationToken cancellationToken) =>
        await store.FindAsync(caller.UserId, id, cancellationToken) is { } machine
            ? TypedResults.Ok(ToResponse(machine))
            : Problems.Unknown("own machine", id);

    private static async Task<Results<Created<OwnMachineResponse>, Problem>> AddAsync(
        AddOwnMachineRequest request,
        Caller caller,
        OwnMachineService service,
        OwnMachineStore store,
        OwnMachineAccess access,
        CancellationToken cancellationToken)
    {
        if (OwnMachinePolicy.Check(request) is { Count: > 0 } errors)
        {
            return new Problem(Problems.Validation, Problems.Validation.Title, errors);
        }

        return await service.JoinAsync(caller.UserId, request, cancellationToken) switch
        {
            JoinResult.Joined(var id) => TypedResults.Created(
                $"{ApiRoutes.Bases[0]}/own-machines/{id}", ToResponse((await store.FindAsync(caller.UserId, id, cancellationToken))!)),
            var result => ProblemOf(result, request, (await access.EnsureKeyAsync(caller.UserId, cancellationToken)).PublicKey),
        };
    }

    /// <summary>What a machine that has not joined is told; <paramref name="publicKey"/> is the user's machine key.</summary>
    internal static Problem ProblemOf(JoinResult result, AddOwnMachineRequest request, string publicKey) => result switch
    {
        JoinResult.Unconfirmed(var fingerprint) => new Problem(
            Problems.OwnMachineHostKeyUnconfirmed, $"{request.Host} shows {fingerprint}. If that is its key, send it again with host_key_fingerprint={fingerprint}"),
        JoinResult.OtherHostKey(var fingerprint) => new Problem(
            Problems.OwnMachineHostKeyChanged, $"{request.Host} shows {fingerprint}, not the fingerprint that was given. Nothing was sent to it."),
        JoinResult.Refused(OwnMachineTrouble.AuthRefused, var detail) => new Problem(
            Problems.OwnMachineAuthRefused, request.PrivateKey is null ? $"{detail} Its public half: {publicKey}" : detail),
        JoinResult.Refused(var trouble, var detail) => new Problem(KindOf(trouble), detail),
        JoinResult.Taken => new Problem(
            Problems.Conflict, $"You have a machine of that name or with that host key, or {OwnMachineStore.MachinesMax} machines already."),
        _ => throw new UnreachableException(),
    };

    internal static async Task<Results<Ok<OwnMachineResponse>, Problem>> CheckAsync(
        long id, Caller caller, OwnMachineService service, OwnMachineStore store, CancellationToken cancellationToken)
    {
        if (await store.FindAsync(caller.UserId, id, cancellationToken) is not { } machine)
        {
            return Problems.Unknown("own machine", id);
        }

        await service.CheckAsync(machine, isFull: true, cancellationToken);
        return await GetAsync(id, caller, store, cancellationToken);
    }

    internal static async Task<Results<Ok<SuccessResponse>, Problem>> RemoveAsync(
        long id, Caller caller, OwnMachineStore store, CancellationToken cancellationToken, bool? force = null)
    {
        if (await store.FindAsync(caller.UserId, id, cancellationToken) is not { } machine)
        {
            return Problems.Unknown("own machine", id);
        }

        // Removing one that answers would leave our things running on it.
        var lost = OwnMachinePolicy.IsLost(machine);
        if (await store.RemoveAsync(machine, evenClaimed: force == true && lost, cancellationToken))
        {
            return TypedResults.Ok(new SuccessResponse(true, $"Own machine {machine.Name} is removed."));
        }

        return new Problem(
            Problems.OwnMachineInUse,
            lost
                ? $"Instance {machine.Tenant?.InstanceId} has the machine, which does not answer. With force=true it is taken to be gone for good, with everything on it."
                : $"Instance {machine.Tenant?.InstanceId} has the machine.");
    }

    private static ProblemKind KindOf(OwnMachineTrouble trouble) => trouble switch
    {
        OwnMachineTrouble.Unreachable or OwnMachineTrouble.Unclear => Problems.OwnMachineUnreachable,
        OwnMachineTrouble.HostKeyChanged => Problems.OwnMachineHostKeyChanged,
        OwnMachineTrouble.AuthRefused => Problems.OwnMachineAuthRefused,
        OwnMachineTrouble.NotRoot => Problems.OwnMachineNotRoot,
        OwnMachineTrouble.Unsuitable or OwnMachineTrouble.Refused => Problems.OwnMachineUnsuitable,
    };

    internal static OwnMachineResponse ToResponse(OwnMachine machine)
    {
        var (address, found) = (machine.Address, machine.Document);
        return new OwnMachineResponse
        {
            Id = machine.Id,
            Name = machine.Name,
            Host = address.Host,
            Port = address.Port,
            User = address.User,
            HostKeyFingerprint = OwnMachineRules.FingerprintOf(address.HostKey),
            Folder = address.Folder,
            InstancePort = address.InstancePort,
            Uses = machine.Uses.ToString().ToLowerInvariant(),
            Location = machine.Location,
            State = found.State switch
            {
                OwnMachineState.Ready => "ready",
                OwnMachineState.Unreachable => "unreachable",
                OwnMachineState.HostKeyChanged => "host_key_changed",
                OwnMachineState.Unusable => "unusable",
            },
            Detail = found.Detail,
            OfferId = long.Parse(SshOffers.OfferIdOf(machine.Id), CultureInfo.InvariantCulture),
            IsFree = machine.IsFree,
            InstanceId = machine.Tenant?.InstanceId.Value,
            IsClaimedElsewhere = machine.IsClaimedElsewhere,
            GpuName = found.Capacity.GpuName,
            NumGpus = found.Capacity.GpuCount,
            GpuRam = Math.Round(found.Capacity.GpuMemoryMiB / 1024),
            CpuCores = found.Capacity.CpuCores,
            CpuRam = Math.Round(found.Capacity.MemoryMiB / 1024, 1),
            DiskSpace = found.Capacity.DiskGb,
            OperatingSystem = found.Capacity.OperatingSystem,
            Reliability = found.Reliability,
            JoinedAt = machine.JoinedAt,
            CheckedAt = found.CheckedAt,
        };
    }
}
