using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.Cli.Grammar;
using Dumont.Cli.Output;
using Dumont.Cli.Session;

namespace Dumont.Cli.Drills;

/// <summary>Loses the GPU of a live pair, or has the server switch, and watches from outside what happens: by the user's address, and by the server's records.</summary>
internal sealed class FailoverDrill(CommandContext context, DrillLog log, string instanceId, DrillFault fault, LocalCloud? cloud, int files)
{
    private const int FileBytes = 200_000;
    private const int HealthChecksBefore = 3;

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(60);
    private static readonly TimeSpan SyncPatience = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan DefaultPatience = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan HiccupTimeMax = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan GuardTimeMin = TimeSpan.FromSeconds(6);

    private readonly TimeProvider _time = context.Environment.Time;
    private readonly DrillServer _server = new(context, instanceId);
    private readonly DrillResult _result = new() { InstanceId = instanceId, Fault = fault };

    /// <summary>Silence after which the server suspects the machine.</summary>
    private TimeSpan _silence;

    private TimeSpan Patience => context.Options.Timeout ?? DefaultPatience;

    /// <summary>Runs the drill to its end. The setup part of the log has begun.</summary>
    /// <exception cref="CliException">There is nothing to drill: no standby, not ready, no such machine at the local cloud.</exception>
    public async Task<DrillResult> RunAsync(CancellationToken cancellationToken)
    {
        await CheckPairAsync(cancellationToken);
        var shell = await SshShell.OpenAsync(context, instanceId, cancellationToken);
        var address = new AddressWatch(shell, log, _result, _time);
        using var workspace = new DrillWorkspace(shell, _time);
        try
        {
            var lost = await OperateAsync(address, workspace, cancellationToken);
            var machine = await FindMachineAsync(lost, cancellationToken);
            try
            {
                await InjectAsync(machine, cancellationToken);
                await (fault.IsLoss ? FollowAsync(address, workspace, lost, cancellationToken) : GuardAsync(shell, workspace, machine!, cancellationToken));
            }
            finally
            {
                if (machine is not null)
                {
                    await cloud!.MendAsync(machine, CancellationToken.None);
                }
            }
        }
        finally
        {
            await workspace.ClearAsync(CancellationToken.None);
        }

        log.End();
        DrillVerdict.Judge(_result);
        return _result;
    }

    private async Task CheckPairAsync(CancellationToken cancellationToken)
    {
        var instance = await _server.GetAsync($"/api/v1/instances/{instanceId}", cancellationToken);
        log.Write(DrillLevel.Info, new(
            $"Instance {instanceId} ({DrillServer.Word(instance, "label")}): {DrillServer.Word(instance, "status")}, {DrillServer.Word(instance, "gpu_name")}",
            $"Instância {instanceId} ({DrillServer.Word(instance, "label")}): {DrillServer.Word(instance, "status")}, {DrillServer.Word(instance, "gpu_name")}"));
        var pair = await _server.PairAsync(cancellationToken);
        if (DrillServer.Word(instance, "status") != "running" || DrillServer.Word(pair, "state") != "ready" || CellFormat.NumberOf(CellFormat.Field(pair, "sync_count")) is not > 0)
        {
            throw new CliException(
                ExitCode.Conflict,
                new(
                    $"instance {instanceId} is {DrillServer.Word(instance, "status")} and its standby {DrillServer.Word(pair, "state")}; a drill needs running and ready",
                    $"a instância {instanceId} está {DrillServer.Word(instance, "status")} e a reserva {DrillServer.Word(pair, "state")}; o exercício precisa de running e ready"),
                new("wait, and look with: dumont standby associations", "espere e veja com: dumont standby associations"));
        }

        // Of the instance: its own settings stand before those of the account.
        var rules = await _server.GetAsync($"/api/v1/failover/settings/machines/{instanceId}", cancellationToken);
        _silence = TimeSpan.FromSeconds(CellFormat.NumberOf(CellFormat.Field(rules, "detection_seconds")) ?? 0);
        _result.Recovers = DrillServer.Word(rules, "strategy") != "disabled" && CellFormat.Field(rules, "auto_recovery")?.GetValue<bool>() == true;
        log.Write(DrillLevel.Success, new(
            $"✓ CPU standby {DrillServer.Word(pair, "cpu_standby.name")} in {DrillServer.Word(pair, "cpu_standby.zone")} is ready",
            $"✓ CPU standby {DrillServer.Word(pair, "cpu_standby.name")} em {DrillServer.Word(pair, "cpu_standby.zone")} pronta"));
    }

    /// <summary>Writes, and waits for the standby to have it. Returns the name that the machine gives itself.</summary>
    private async Task<string> OperateAsync(AddressWatch address, DrillWorkspace workspace, CancellationToken cancellationToken)
    {
        log.Begin(DrillPhase.Operation);
        var rounds = await _server.RoundsAsync(cancellationToken);
        var began = _time.GetTimestamp();
        await workspace.BeginAsync(cancellationToken);
        for (var i = 0; i < files; i++)
        {
            var at = _time.GetTimestamp();
            await workspace.WriteAsync(FileBytes, cancellationToken);
            _result.FilesWritten++;
            if (await IsSyncedAsync(workspace, cancellationToken))
            {
                _result.FilesSynced++;
                log.Write(DrillLevel.Sync, new(
                    $"✓ file {i + 1}, {FileBytes / 1000} kB, is on the standby after {DrillServer.Seconds(_time.GetElapsedTime(at))}",
                    $"✓ arquivo {i + 1}, {FileBytes / 1000} kB, na reserva após {DrillServer.Seconds(_time.GetElapsedTime(at))}"));
            }
            else
            {
                log.Write(DrillLevel.Error, new($"✗ file {i + 1} is not on the standby", $"✗ arquivo {i + 1} não está na reserva"));
            }
        }

        for (var i = 0; i < HealthChecksBefore; i++)
        {
            await address.CheckAsync(cancellationToken);
        }

        _result.SyncRounds = await _server.RoundsAsync(cancellationToken) - rounds;
        _result.SyncSeconds = _time.GetElapsedTime(began).TotalSeconds;
        var sight = await workspace.LookAsync(SyncPatience, cancellationToken)
            ?? throw new CliException(ExitCode.Failure, new("the instance does not answer by SSH", "a instância não responde por SSH"));
        return sight.HostName;
    }

    // A figure of zero may be older than the file; a round that succeeded after it was written is not. The machine tells by its own clock when that was.
    private async Task<bool> IsSyncedAsync(DrillWorkspace workspace, CancellationToken cancellationToken)
    {
        var (written, began) = (_time.GetUtcNow() + workspace.ClockAhead, _time.GetTimestamp());
        while (_time.GetElapsedTime(began) < SyncPatience)
        {
            var pair = await _server.PairAsync(cancellationToken);
            if (DateTimeOffset.TryParse(DrillServer.Word(pair, "last_sync_at"), CultureInfo.InvariantCulture, out var last) && last >= written)
            {
                return true;
            }

            await Task.Delay(PollInterval, _time, cancellationToken);
        }

        return false;
    }

    private async Task<string?> FindMachineAsync(string hostName, CancellationToken cancellationToken)
    {
        if (!fault.NeedsCloud)
        {
            return null;
        }

        return cloud is not null && await cloud.FindGpuAsync(instanceId, hostName, cancellationToken) is { } machine ? machine : throw new CliException(
            ExitCode.Conflict,
            new(
                $"{hostName} of instance {instanceId} is no machine of a local cloud that can be reached, so nothing can befall it",
                $"{hostName} da instância {instanceId} não é máquina de uma nuvem local acessível, nada pode atingi-la"),
            new("take the harmless fault=requested, or name the cloud: local_cloud=URL", "use o inofensivo fault=requested, ou nomeie a nuvem: local_cloud=URL"));
    }

    private async Task InjectAsync(string? machine, CancellationToken cancellationToken)
    {
        log.Begin(DrillPhase.Failure);
        _result.FaultAt = _time.GetUtcNow();
        if (machine is not null)
        {
            await cloud!.InjectAsync(fault, machine, cancellationToken);
        }
        else
        {
            await context.Session.SendAsync(ApiMethod.Post, $"/api/v1/standby/failover/simulate/{instanceId}?reason=drill", null, cancellationToken);
        }

        var level = fault.IsLoss && machine is not null ? DrillLevel.Error : DrillLevel.Info;
        log.Write(level, new($"✗ {fault.Name}: {fault.Text.English}", $"✗ {fault.Name}: {fault.Text.Portuguese}"));
    }

    private async Task FollowAsync(AddressWatch address, DrillWorkspace workspace, string lost, CancellationToken cancellationToken)
    {
        log.Begin(DrillPhase.Detection);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        try
        {
            var greeting = address.AwaitGreetingAsync(limit.Token);
            var answer = address.AwaitAnswerAsync(workspace, lost, limit.Token);
            var record = new RecordWatch(_server, log, _result, _time).FollowAsync(limit.Token);
            await record;
            if (_result.Failures.Count > 0)
            {
                // Nobody will answer any more.
                await limit.CancelAsync();
                await Task.WhenAll(greeting, answer).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                return;
            }

            await greeting;
            if (await answer is var standby && _result.Recovers)
            {
                await ConfirmRecoveryAsync(workspace, lost, standby, limit.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            _result.Failures.Add(new($"not done within {DrillServer.Seconds(Patience)}", $"não terminou em {DrillServer.Seconds(Patience)}"));
        }
    }

    private async Task ConfirmRecoveryAsync(DrillWorkspace workspace, string lost, string standby, CancellationToken cancellationToken)
    {
        log.Begin(DrillPhase.Recovered);
        while (true)
        {
            if (await workspace.LookAsync(TimeSpan.FromSeconds(5), cancellationToken) is { } sight && sight.HostName != standby && sight.HostName != lost)
            {
                _result.Recovery = _time.GetUtcNow() - _result.FaultAt;
                _result.FilesOnNewGpu = sight.IntactFiles;
                log.Write(DrillLevel.Success, new(
                    $"✓ {sight.HostName} answers at the same address with {sight.IntactFiles} of {_result.FilesWritten} files, {DrillServer.Seconds(_result.Recovery.Value)} after the fault",
                    $"✓ {sight.HostName} responde no mesmo endereço com {sight.IntactFiles} de {_result.FilesWritten} arquivos, {DrillServer.Seconds(_result.Recovery.Value)} após a falha"));
                return;
            }

            await Task.Delay(PollInterval, _time, cancellationToken);
        }
    }

    /// <summary>Nothing was lost: nothing may happen, however long one looks. A hiccup ends before the machine is suspected, the others go on for long after.</summary>
    private async Task GuardAsync(SshShell shell, DrillWorkspace workspace, string machine, CancellationToken cancellationToken)
    {
        log.Begin(DrillPhase.Detection);
        var lasts = fault.Name == DrillFault.Hiccup ? Shorter(_silence / 2, HiccupTimeMax) : Longer(2 * _silence, GuardTimeMin);
        await Task.Delay(lasts, _time, cancellationToken);
        await cloud!.MendAsync(machine, cancellationToken);

        // As soon as the server hears the machine again, nothing that it thought meanwhile can begin any more: it has begun by then, or never will.
        if (!await IsSyncedAsync(workspace, cancellationToken))
        {
            _result.Failures.Add(new("the standby does not follow the machine any more", "a reserva não segue mais a máquina"));
        }

        var pair = await _server.PairAsync(cancellationToken);
        var report = await _server.GetAsync("/api/v1/standby/failover/report?days=1", cancellationToken);
        var isFalse = (report?["history"] as JsonArray ?? []).Any(failover =>
            DrillServer.Word(failover, "gpu_instance_id") == instanceId && DateTimeOffset.Parse(DrillServer.Word(failover, "started_at"), CultureInfo.InvariantCulture) >= _result.FaultAt);
        if (isFalse)
        {
            _result.Failures.Add(new("a failover although nothing was lost", "um failover embora nada tenha se perdido"));
        }

        if (!await shell.GreetsAsync(TimeSpan.FromSeconds(5), cancellationToken))
        {
            _result.Failures.Add(new("the instance does not answer any more", "a instância não responde mais"));
        }

        var state = DrillServer.Word(pair, "state");
        log.Write(isFalse ? DrillLevel.Error : DrillLevel.Success, isFalse
            ? new($"✗ A failover was begun; the pair is {state}", $"✗ Um failover começou; o par está {state}")
            : new($"✓ No failover was begun; the pair is {state}", $"✓ Nenhum failover começou; o par está {state}"));
    }

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;

    private static TimeSpan Longer(TimeSpan one, TimeSpan other) => one > other ? one : other;
}
