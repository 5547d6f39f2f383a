using System.Collections.Concurrent;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Vast;

/// <summary>Vast.ai's rule: a minimum interval between two calls of one identity to one endpoint; the answer says little.</summary>
internal sealed class VastRateLimiter(LocalCloudOptions options, TimeProvider time) : IEndpointFilter
{
    // Seconds, from the provider's published thresholds.
    private static readonly Dictionary<string, double> Intervals = new()
    {
        [CloudOperation.Search] = 6,
        [CloudOperation.Create] = 4.5,
        [CloudOperation.Destroy] = 3,
        [CloudOperation.Get] = 2,
        [CloudOperation.Command] = 1.5,
        [CloudOperation.Bid] = 5.5,
        [CloudOperation.Volume] = 5.5,
        [CloudOperation.Copy] = 3.5,
    };

    private const double UsualInterval = 1;

    private readonly ConcurrentDictionary<string, DateTimeOffset> _last = new();

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        if (!options.RateLimits || http.GetEndpoint()?.Metadata.GetMetadata<CloudOperation>() is not { } operation)
        {
            return await next(context);
        }

        var name = await operation.Resolve(http);
        var interval = Intervals.GetValueOrDefault(name, UsualInterval);
        var now = time.GetUtcNow();
        var refused = false;
        _last.AddOrUpdate($"{name} {VastAuthentication.KeyOf(http.Request)}", now, (_, last) =>
        {
            refused = now - last < TimeSpan.FromSeconds(interval);
            return refused ? last : now;
        });
        return refused
            ? new TextAnswer(FormattableString.Invariant($"API requests too frequent: endpoint threshold={interval:0.0}"), StatusCodes.Status429TooManyRequests)
            : await next(context);
    }
}
