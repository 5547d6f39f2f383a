using System.Globalization;
using System.Text;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Faults;

/// <summary>Lets faults strike before and after calls, and the machines that calls are about. Those within a call are asked for by the call.</summary>
internal sealed class FaultMiddleware(RequestDelegate next, FaultBook faults, IMachineEvents machines, TimeProvider time)
{
    private static readonly string[] TargetNames = ["id", "name", "zone"];
    private static readonly byte[] Padding = [.. Enumerable.Repeat((byte)'x', 1 << 16)];
    private static readonly TimeSpan DripInterval = TimeSpan.FromSeconds(1);

    public async Task InvokeAsync(HttpContext context)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<CloudOperation>() is not { } operation)
        {
            await next(context);
            return;
        }

        var name = await operation.Resolve(context);
        var targets = await TargetsAsync(context, name);
        if (name != CloudOperation.Create)
        {
            await StrikeMachineAsync(context, operation.Provider, name, targets);
        }

        if (faults.Strike(kind => kind.Stage == FaultStage.Before && !IsWithin(kind, operation.Provider), operation.Provider, name, targets) is { } before)
        {
            await AnswerInsteadAsync(context, operation.Provider, before);
            return;
        }

        if (faults.Strike(kind => kind.Stage == FaultStage.After && CanSpoil(kind, context), operation.Provider, name, targets) is { } after)
        {
            await RunAndSpoilAsync(context, operation.Provider, after);
        }
        else
        {
            await next(context);
        }

        if (name == CloudOperation.Create && context.Response.StatusCode == StatusCodes.Status200OK)
        {
            await StrikeMachineAsync(context, operation.Provider, name, targets);
        }
    }

    private static async Task<List<string?>> TargetsAsync(HttpContext context, string operation)
    {
        var targets = TargetNames.Select(target => RouteText(context, target)).ToList();
        if (operation is CloudOperation.Create or CloudOperation.DiskCreate)
        {
            // What is being made has no address yet; its name stands in the body.
            var body = await RequestBody.ReadAsync(context);
            targets.AddRange([body["name"]?.ToString(), body["label"]?.ToString()]);
        }

        return targets;
    }

    private static string? RouteText(HttpContext context, string name) =>
        context.GetRouteValue(name) is { } value ? Convert.ToString(value, CultureInfo.InvariantCulture) : null;

    // An operation that fails is the call's own business.
    private static bool IsWithin(FaultKind kind, string provider) => kind.Name == FaultKind.SuccessFalse && provider == "gcp";

    // Only a page after the first can have shifted.
    private static bool CanSpoil(FaultKind kind, HttpContext context) => kind.Name != FaultKind.PageShift
        || context.Request.Query.ContainsKey("pageToken") || context.Request.Query.ContainsKey("after_token");

    private async Task StrikeMachineAsync(HttpContext context, string provider, string operation, List<string?> targets)
    {
        string? machine = null;
        var fault = faults.Strike(
            kind => kind.Stage == FaultStage.Machine,
            fault => (machine = machines.Find(fault.Kind, provider, NameOf(fault))) is not null,
            provider,
            operation,
            targets);
        if (fault is not null)
        {
            await machines.StrikeAsync(fault, provider, machine!, context.RequestAborted);
        }

        // A call about all machines strikes the one that the fault names; one that makes a machine strikes that.
        string? NameOf(Fault fault) => operation switch
        {
            CloudOperation.List => fault.Target,
            CloudOperation.Create when provider == "vast" => context.Items.TryGetValue(CreatedKey, out var id) ? (string?)id : "",
            CloudOperation.Create => targets[^2] ?? "",
            _ => targets[0] ?? targets[1],
        };
    }

    /// <summary>Under this key of its context a create leaves the id of what it made.</summary>
    public static object CreatedKey { get; } = new();

    private async Task AnswerInsteadAsync(HttpContext context, string provider, Fault fault)
    {
        if (fault.Kind.Name == FaultKind.NoAnswer)
        {
            await Task.Delay(TimeSpan.FromSeconds(fault.DelaySeconds), time, context.RequestAborted);
        }

        if (fault.Kind.Name is FaultKind.Refused or FaultKind.NoAnswer)
        {
            context.Abort();
            return;
        }

        await ProviderErrors.Of(fault, provider).ExecuteAsync(context);
    }

    // The call runs to its end; what it answers is held back.
    private async Task RunAndSpoilAsync(HttpContext context, string provider, Fault fault)
    {
        var response = context.Response;
        var wire = response.Body;
        using var held = new MemoryStream();
        response.Body = held;
        await next(context);
        response.Body = wire;
        switch (fault.Kind.Name)
        {
            case FaultKind.AnswerLost:
                context.Abort();
                return;
            case FaultKind.ErrorAfter:
                response.Clear();
                await ProviderErrors.Of(fault, provider).ExecuteAsync(context);
                return;
            case FaultKind.Slow:
                await Task.Delay(TimeSpan.FromSeconds(fault.DelaySeconds), time, context.RequestAborted);
                break;
            case FaultKind.ClockSkew:
                response.Headers.Date = (time.GetUtcNow() + TimeSpan.FromSeconds(fault.Numbers["skew_seconds"])).ToString("R", CultureInfo.InvariantCulture);
                break;
            default:
                break;
        }

        var answer = AnswerSpoiler.Spoil(
            fault, provider, new HeldAnswer(response.StatusCode, held.ToArray()), RouteText(context, "zone"), time.GetUtcNow());
        response.StatusCode = answer.Status;
        if (fault.Kind.Name == FaultKind.GarbageBody && fault.Variant == "html")
        {
            response.ContentType = "text/html";
        }

        await WriteAsync(context, fault, answer.Body);
    }

    private async Task WriteAsync(HttpContext context, Fault fault, byte[] body)
    {
        var response = context.Response;
        response.ContentLength = body.Length;
        switch (fault.Kind.Name)
        {
            case FaultKind.TruncatedBody:
                response.ContentLength = body.Length / 2;
                await response.Body.WriteAsync(body.AsMemory(0, body.Length / 2), context.RequestAborted);
                break;
            case FaultKind.ResetMidBody:
                await response.Body.WriteAsync(body.AsMemory(0, body.Length / 2), context.RequestAborted);
                await response.Body.FlushAsync(context.RequestAborted);
                context.Abort();
                break;
            case FaultKind.Drip:
                await DripAsync(context, body, (int)fault.Numbers["bytes_per_second"]);
                break;
            case FaultKind.HugeBody:
                response.ContentLength = null;
                await WriteHugeAsync(context, body, (long)fault.Numbers["size_mb"] << 20);
                break;
            default:
                await response.Body.WriteAsync(body, context.RequestAborted);
                break;
        }
    }

    private async Task DripAsync(HttpContext context, byte[] body, int bytesPerSecond)
    {
        for (var at = 0; at < body.Length; at += bytesPerSecond)
        {
            if (at > 0)
            {
                await Task.Delay(DripInterval, time, context.RequestAborted);
            }

            await context.Response.Body.WriteAsync(body.AsMemory(at, Math.Min(bytesPerSecond, body.Length - at)), context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
        }
    }

    // Still JSON: a client that reads it whole gets what it asked for.
    private static async Task WriteHugeAsync(HttpContext context, byte[] body, long bytes)
    {
        var output = context.Response.Body;
        var rest = Encoding.UTF8.GetString(body).TrimStart();
        await output.WriteAsync("{\"padding\":\""u8.ToArray(), context.RequestAborted);
        for (var left = bytes; left > 0; left -= Padding.Length)
        {
            await output.WriteAsync(Padding.AsMemory(0, (int)Math.Min(Padding.Length, left)), context.RequestAborted);
        }

        await output.WriteAsync(Encoding.UTF8.GetBytes(rest is "{}" or "" ? "\"}" : "\"," + rest.TrimStart('{')), context.RequestAborted);
    }
}
