"""The words that this program may put into a sentence; `python -m tests.phrases --write` makes the list.

A word that is part of another is left out.
"""

from typing import Final

PHRASES: Final = """\
aallocationtime abia aborted about above absent acca accepted accesskey accessor account aclauthmethoddeleted
aclauthmethodupserted aclbindingruledeleted aclbindingruleupserted aclpolicydeleted aclpolicyupserted aclroledeleted
aclroleupserted acltokendeleted acltokens acltokenupserted acpu acquire acquiring added address administration again
agent ago ahead aiza akia algorithm allocated allocationcreated allocationupdatedesiredstatus alloccreated
allocmodifyindex allocupdatedesiredstatus allows alostafter already ambiguous aminhealthytime annotations apikey
applied argument artifact asia astoponclientafter atlasv attached attachment attempts attributes audiences
authentication authorization auto azure backend bad basespeed basicauth bbasic bbearer because been before begin being
below beneath beside binds blank blbnnzac blockedeval body bookkeeping boolean bot bound broken built busy bytesfree
bytestotal call canaryallocs canceled cancelled cannot capabilities capability causes cbt certificates challenge
changekind changerules changes character chat check children claims classes clientdisconnect clients closed cluster
coalesced collected command completed computedclass configuration configured conflict connectionstring constraint
consul contains context controllers cookies corrupted couldn cpushares crashed createindex createtime creating
credentials creds crudjtib csiplugin csivolumeclaim csivolumederegistered csivolumeregistered currenteval datacenters
dckr deadline decoded decoding deeply default delay denies deny deploymentallochealth deploymentid deploymentpromotion
deploymentstatusupdate depths derived deriving destination destpath destructiveupdate details device dial dict didn
difference digest dimensions disabled disallowed disconnected discord disk dispatched display doesn dop download
draining drivers dropped dsn due duplicate duration during dynamic effects efps either embeddedtmpl empty enabled
encryption endpoint engine entries entry environment envvars eof equal errors evaluated evaluations evaluationupdated
evalupdated events every evicted exceeded exchanged executable executed executing exhausted exists exited expirationttl
expired expiry external eyj facts failedtgallocs failing fails failures false far fetch fewer ffct fields file filtered
find float folding followupevalid forbidden forced found frame frequency from gap garbage generated getterheaders
getteroptions ghz github global glyph gocspx gone good googleapis gossip gov grace guessspeed had handshake happened
hash have hdnea hdntl hdnts healthdescription heartbeatexpires held hide hmac hooks hostip hostvolumedeleted
hostvolumeregistered htpasswd httpaddr https ids ifttt ignored illegal image imt inactive incomplete incorrect
ineligible information initialized initializing inplaceupdate input inside insufficient integration internal
interrupted interval into invalidated ipv isn issued issuer items jobacl jobbatchderegistered jobderegistered jobid
jobmodifyindex jobregistered jobspecmodifyindex json judge jwksurl jwtvalidationpubkeys kib killed killing kmgt ksbc
label lacks lastallocupdateindex lastheartbeatttl lastmissedheartbeatindex latin launched leader least leeway left
length less level license limited lines list little live loaded logged logic login longer lookup loose ltarget made
main maker making malformed management many marked marks masked masking master matches matching maximum maxspeed
maxtokenttl may mbits members memory mentioned mentions message metadata mhz mib migrate mismatch missing mode
modifytime moment more most mounting multiregion must namespaced natural needed needs negotiate negotiation nested
network never nextallocation nexteval nodederegistration nodedrain nodeeligibility nodeevent nodeidentityttl
nodepooldeleted nodepoolupserted noderegistration nodesnapshotindex nodestreamevent noise nomadtokenid none nothing npm
null number oas oauth objects obtaining office oidcdiscoveryurl once only oom opened opening operand operation operator
optional order org other outlook output overflow overlap overridetotalcompute overridewitholdcompute oversubscription
pagerduty parameterized parentid parents parse parsing parts passcode passed passphrase passwords past paused payload
peer pem pending percent periodic permissiondenied permissions permitted placedcanaries placement plain planresult
please plugins policies ports positions pousr powerplatform preemptedallocations preemptedbyallocation preemptions
prevallocid previousallocation previouseval prevnodeid priority privatekey problem progress prohibited promoted
provided provider proxy ptt purged pwd pypi queued quklw quotalimitreachedindex rank rawtext reader reading realm
reason received reconnected redacted refreshing refused registry rejected relatedevals reloading remote removed renamed
rendered rendering renewal renewing repeats replaced replaces reported requestedcapacitymaxbytes
requestedcapacityminbytes required requires rescheduled reschedulelater reschedulenow reset resolving resources
response restarted restarting restarts restoring restricted retries retrieved retrieving retrying returned returning
revert revoked revoking roles rotated rotation routine rows rpc rtarget running rzxktdje same sas satisfied sbr scale
schedulable scheduler scheduling scheme sdk sealed seconds secrets see selector sentence sentinel separator sequence
server servicederegistration serviceregistration services sessionid setting setup shared shorter should shown shp
sibling signaled signaling signalled signature signedidentities signing since size skipped slack slots smb snappy soat
specification specified specs sshkey ssl stable stagger stale statusdescription statusupdatedat stay steps still
stopped storage stored strategy subject submitted submittime subsystem successful such suspended sysbatch tags
taskgroups taskstates tcp telegram template temporary terminated tfn than that them there this throttled timed timeout
timestamp timezone tlsv tokenlocality tokennameformat tokentype too topic totalbytes tracker transition tree triggered
trouble true uaocnx unable unauthenticated unauthorized unavailable unblocking unchanged undefined undetected
unexpected unhealthy unknown unlocked unmarshal unmounted unnamed unprocessable unreachable unreadable unrecognized
unresolved unseal unset unsigned unsupported until untrusted unwrapped unwrapping updates updatetime upstream user
using utf values variables variableupdated vault verification verified verify versiontag volumeid volumes waited
waiting wanted warning wasn webhook were when where while whsec widths will within without won writer writing written
wrong xaa xapp xbf xox yes yet your zapier
"""
