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
        var targets = TargetNames.Select(target => Convert.ToString(context.GetRouteValue(target), CultureInfo.InvariantCulture)).ToList();
        if (name == CloudOperation.Create)
        {
            // What is being made has no address yet; its name stands in the body.
            var body = await RequestBody.ReadAsync(context);
            targets.AddRange([body["name"]?.ToString(), body["label"]?.ToString()]);
        }

        if (faults.Strike(kind => kind.Stage == FaultStage.Before, operation.Provider, name, targets) is { } before)
        {
            await Answer(operation.Provider, before.Kind).ExecuteAsync(context);
            return;
        }

        if (faults.Strike(kind => kind.Stage == FaultStage.After, operation.Provider, name, targets) is { } after)
        {
            await RunAndSpoilAsync(context, operation.Provider, after.Kind);
            return;
        }

        await next(context);
    }

    // The call runs to its end, what it answers goes nowhere.
    private async Task RunAndSpoilAsync(HttpContext context, string provider, FaultKind kind)
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

        await Answer(provider, kind).ExecuteAsync(context);
    }

    private static IResult Answer(string provider, FaultKind kind)
    {
        if (kind.Name == FaultKind.TooManyRequests)
        {
            return new TextAnswer("API requests too frequent", StatusCodes.Status429TooManyRequests);
        }

        var body = provider == "gcp"
            ? new JsonObject
            {
                ["error"] = new JsonObject
                {
                    ["code"] = 500,
                    ["message"] = "Internal error",
                    ["errors"] = new JsonArray(new JsonObject { ["message"] = "Internal error", ["domain"] = "global", ["reason"] = "backendError" }),
                },
            }
            : new JsonObject { ["success"] = false, ["error"] = "internal_error", ["msg"] = "Internal server error" };
        return new JsonAnswer(body, StatusCodes.Status500InternalServerError);
    }
}
