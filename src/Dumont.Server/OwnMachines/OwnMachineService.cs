using System.Diagnostics.Metrics;
using Dumont.Contracts;
using Dumont.Providers.Ssh;

namespace Dumont.Server.OwnMachines;

/// <summary>How joining ended.</summary>
internal abstract record JoinResult
{
    private JoinResult()
    {
    }

    /// <summary>It is one of the user's machines now.</summary>
    public sealed record Joined(long Id) : JoinResult;

    /// <summary>It shows this fingerprint; the user has to say that it is the right one. Nothing was sent.</summary>
    public sealed record Unconfirmed(string Fingerprint) : JoinResult;

    /// <summary>It shows another fingerprint than the user expects. Nothing was sent.</summary>
    public sealed record OtherHostKey(string Fingerprint) : JoinResult;

    /// <summary>It cannot join.</summary>
    public sealed record Refused(OwnMachineTrouble Trouble, string Detail) : JoinResult;

    /// <summary>The user has a machine of that name or with that host key, or too many.</summary>
    public sealed record Taken : JoinResult;
}

/// <summary>Lets own machines join and looks after them.</summary>
internal sealed class OwnMachineService(OwnMachineStore store, OwnMachineAccess access, TimeProvider time)
{
    private static readonly Meter Meter = new("Dumont.OwnMachines");
    private static readonly Counter<long> Checks = Meter.CreateCounter<long>("dumont.own_machine.checks");
    private static readonly Counter<long> Happened = Meter.CreateCounter<long>("dumont.own_machine.events");

    /// <summary>Joins a machine: its host key first, which the user must have named, then everything else over a connection that trusts that key alone.</summary>
    public async Task<JoinResult> JoinAsync(UserId user, AddOwnMachineRequest request, CancellationToken cancellationToken)
    {
        var (host, port) = (request.Host!, request.Port ?? OwnMachinePolicy.DefaultPort);
        if (await ScanAsync(host, port, cancellationToken) is not { } hostKey)
        {
            return new JoinResult.Refused(OwnMachineTrouble.Unreachable, $"No SSH server with an Ed25519 host key answers at {host}, port {port}.");
        }

        var fingerprint = OwnMachineRules.FingerprintOf(hostKey);
        if (request.HostKeyFingerprint is not { } expected)
        {
            return new JoinResult.Unconfirmed(fingerprint);
        }

        if (expected != fingerprint)
        {
            return new JoinResult.OtherHostKey(fingerprint);
        }

        var address = new OwnMachineAddress(
            host,
            port,
            request.User ?? OwnMachinePolicy.DefaultUser,
            hostKey,
            request.Folder ?? OwnMachinePolicy.DefaultFolder,
            request.InstancePort ?? OwnMachinePolicy.DefaultInstancePort);
        var privateKey = request.PrivateKey is { } given ? access.Protect(user, given) : null;
        var reply = await (await access.OpenAsync(user, address, privateKey, cancellationToken)).ProbeAsync(cancellationToken);
        if (reply.Trouble is { } trouble)
        {
            return new JoinResult.Refused(trouble, reply.Detail);
        }

        if (OwnMachineCapacity.Of(reply) is not { } capacity)
        {
            return new JoinResult.Refused(OwnMachineTrouble.Unsuitable, "The machine does not tell its processors, memory and disk.");
        }

        if (capacity.Architecture != AgentArchitecture)
        {
            return new JoinResult.Refused(OwnMachineTrouble.Unsuitable, $"The machine is a {capacity.Architecture}; the agent needs {AgentArchitecture}.");
        }

        var machine = new NewOwnMachine(
            user,
            request.Name ?? host.Replace(':', '-'),
            address,
            privateKey,
            request.Uses is { } uses ? OwnMachinePolicy.UsesOf(uses)!.Value : OwnMachinePolicy.DefaultUses(capacity),
            request.Location?.Trim(),
            new OwnMachineDocument { Capacity = capacity, ClaimTag = reply.Claim?.Tag, CheckedAt = time.GetUtcNow(), Checks = 1 });
        if (await store.InsertAsync(machine, cancellationToken) is not { } id)
        {
            return new JoinResult.Taken();
        }

        Happened.Add(1, new KeyValuePair<string, object?>("type", "own_machine.joined"));
        return new JoinResult.Joined(id);
    }

    /// <summary>Asks a machine how it is and records the answer. <paramref name="isFull"/> measures it anew, else only its claim is looked at.</summary>
    public async Task CheckAsync(OwnMachine machine, bool isFull, CancellationToken cancellationToken)
    {
        var link = await access.OpenAsync(machine.UserId, machine.Address, machine.PrivateKey, cancellationToken);
        var reply = isFull ? await link.ProbeAsync(cancellationToken) : await link.LookAsync(cancellationToken);
        var capacity = isFull && reply.Trouble is null ? OwnMachineCapacity.Of(reply) : null;
        var (after, happened) = OwnMachinePolicy.AfterCheck(machine, reply, capacity, time.GetUtcNow());
        Checks.Add(1, new KeyValuePair<string, object?>("outcome", reply.Trouble?.ToString() ?? "Ok"));

        // When another check was faster, its answer is as fresh as ours.
        if (await store.SaveAsync(machine, after, happened, cancellationToken))
        {
            foreach (var each in happened)
            {
                Happened.Add(1, new KeyValuePair<string, object?>("type", each.Type));
            }
        }
    }

    private async Task<string?> ScanAsync(string host, int port, CancellationToken cancellationToken)
    {
        try
        {
            return await SshProcess.ScanHostKeyAsync(host, port, time, cancellationToken) is { } line ? OwnMachineRules.HostKeyOf(line) : null;
        }
        catch (TimeoutException)
        {
            return null;
        }
    }

    /// <summary>As <c>uname -m</c> has the processor that the agent is built for: the server's own.</summary>
    private static string AgentArchitecture => System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture switch
    {
        System.Runtime.InteropServices.Architecture.Arm64 => "aarch64",
        _ => "x86_64",
    };
}
