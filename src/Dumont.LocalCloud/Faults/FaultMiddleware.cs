using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Faults;

/// <summary>Lets faults strike before and after calls. Those within a call are asked for by the call.</summary>
internal sealed class FaultMiddleware(RequestDelegate next, FaultBook faults)
{
    private static readonly string[] TargetNames = ["id", "name", "zone"];

    public async Task InvokeAsync(HttpContext context)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<CloudOperation>() is not { } operation)
        {
            await next(context);
            return;
        }

        var name = await operation.Resolve(context);
        var targets = TargetNames.Select(target => Convert.ToString(context.GetRouteValue(target), CultureInfo.InvariantCulture)).ToArray();
        if (faults.Strike(kind => kind.Stage == FaultStage.Before, operation.Provider, name, targets) is { } before)
        {
            await Answer(before.Kind).ExecuteAsync(context);
            return;
        }

        if (faults.Strike(kind => kind.Stage == FaultStage.After, operation.Provider, name, targets) is { } after)
        {
            await RunAndSpoilAsync(context, after.Kind);
            return;
        }

        await next(context);
    }

    // The call runs to its end, what it answers goes nowhere.
    private async Task RunAndSpoilAsync(HttpContext context, FaultKind kind)
    {
        var answer = context.Response.Body;
        using var lost = new MemoryStream();
        context.Response.Body = lost;
        await next(context);
        context.Response.Body = answer;
        context.Response.Clear();
        if (kind.Name == FaultKind.AnswerLost)
        {
            context.Abort();
            return;
        }

        await Answer(kind).ExecuteAsync(context);
    }

    private static IResult Answer(FaultKind kind) => kind.Name == FaultKind.TooManyRequests
        ? new TextAnswer("API requests too frequent", StatusCodes.Status429TooManyRequests)
        : new JsonAnswer(
            new JsonObject { ["success"] = false, ["error"] = "internal_error", ["msg"] = "Internal server error" },
            StatusCodes.Status500InternalServerError);
}
